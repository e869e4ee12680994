use proptest::prelude::*;

use super::*;

const ORDERS: [VersionOrder; 2] = [VersionOrder::Rpm, VersionOrder::Dpkg];

/// Each list goes from the oldest to the newest.
fn ascend(order: VersionOrder, lists: &[&[&str]]) {
    for list in lists {
        for (at, one) in list.iter().enumerate() {
            for (other_at, other) in list.iter().enumerate() {
                assert_eq!(compare(order, one, other), Some(at.cmp(&other_at)), "{one} and {other}");
            }
        }
    }
}

/// From <https://github.com/rpm-software-management/rpm/blob/master/tests/rpmvercmp.at>, and real packages.
#[test]
fn rpm_versions_are_ordered_as_rpm_orders_them() {
    ascend(
        VersionOrder::Rpm,
        &[
            &["1.0", "2.0", "2.0.1", "2.0.1a"],
            &["5.5p1", "5.5p2", "5.5p10", "5.6p1", "6.5p1"],
            &["10xyz", "10.1xyz"],
            &["xyz.4", "8"],
            &["6.0", "6.0.rc1"],
            &["10a2", "10b2"],
            &["20101121", "20101122"],
            &["1.0~rc1", "1.0~rc1^git1", "1.0~rc2", "1.0", "1.0^git1~pre", "1.0^git1", "1.0^git2", "1.01"],
            &["5.14.0-427.40.1.el9_4", "5.14.0-503.14.1.el9_5", "5.14.0-570.16.1.el9_6"],
            &["3.9.11-2.fc38", "1:0.1-1", "2:0.0.1-1"],
        ],
    );
    for (one, other) in [("1.0", "1.0"), ("2.0", "2_0"), ("a+", "a_"), ("0:1.0-1", "1.0-1"), ("1.0001", "1.1")] {
        assert_eq!(compare(VersionOrder::Rpm, one, other), Some(Ordering::Equal), "{one} and {other}");
    }
}

/// From <https://manpages.debian.org/bookworm/dpkg-dev/deb-version.7.en.html>,
/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#version>, and real packages.
#[test]
fn debian_versions_are_ordered_as_dpkg_orders_them() {
    ascend(
        VersionOrder::Dpkg,
        &[
            &["~~", "~~a", "~", "", "a"],
            &["1.0~beta1~svn1245", "1.0~beta1", "1.0", "1.0a", "1.0+b1"],
            &["1.0-1", "1.0-1ubuntu1", "1.0-1.1", "1.0-2", "1.0-10"],
            &["9.9", "1:0.4", "1:0.4-1", "2:0.1"],
            &["8.9p1-3ubuntu0.1", "8.9p1-3ubuntu0.7", "8.9p1-3ubuntu0.10"],
            &["9.2p1-2+deb12u2~bpo1", "1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u3"],
            &["1-2-3", "1-10-1"],
        ],
    );
    for (one, other) in [("1.0", "1.0-0"), ("1.0", "0:1.0"), ("1.0", "1.00"), ("1.", "1.0"), ("1.2-01", "1.2-1")] {
        assert_eq!(compare(VersionOrder::Dpkg, one, other), Some(Ordering::Equal), "{one} and {other}");
    }
}

#[test]
fn where_versions_have_no_order_nothing_is_newer() {
    assert_eq!(compare(VersionOrder::None, "1", "2"), None);
}

#[test]
fn a_list_without_epochs_is_compared_without_them() {
    let rpm = |installed, fixed| compare_installed(VersionOrder::Rpm, installed, fixed);
    assert_eq!(rpm("6.18.38-1", "1:6.18.38-1"), Some(Ordering::Equal));
    assert_eq!(rpm("1:6.18.37-1", "6.18.38-1"), Some(Ordering::Less));
    assert_eq!(rpm("1:6.18.38-1", "2:6.18.37-1"), Some(Ordering::Less));
    assert_eq!(compare_installed(VersionOrder::Dpkg, "9.2", "1:9.2"), Some(Ordering::Less));
}

#[test]
fn a_list_without_releases_decides_where_versions_differ() {
    let rpm = |installed, fixed| compare_installed(VersionOrder::Rpm, installed, fixed);
    assert_eq!(rpm("4.4.33", "4.4.34-1.amzn2023"), Some(Ordering::Less));
    assert_eq!(rpm("4.4.33", "4.4.32-9.amzn2023"), Some(Ordering::Greater));
    assert_eq!(rpm("4.4.33", "4.4.33-7.amzn2023"), None);
    assert_eq!(rpm("4.4.33", "1:4.4.33-7.amzn2023"), None);
    assert_eq!(rpm("4.4.33", "4.4.33"), Some(Ordering::Equal));
    assert_eq!(compare_installed(VersionOrder::Dpkg, "9.2", "9.2-1"), Some(Ordering::Less), "a native package's");
}

fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-2]{0,2}:?[0-2.]{0,4}[a~^+_-]{0,2}[0-2a]{0,2}(-[0-2.~+a]{0,3})?",
        "([0-9]{1,2}:)?[0-9]{1,3}(\\.[0-9]{1,3}){0,3}(-[0-9]{1,3}(\\.el9_[0-9])?)?",
        ".{0,8}",
    ]
}

proptest! {
    #[test]
    fn versions_are_in_a_total_order(a in version(), b in version(), c in version()) {
        for order in ORDERS {
            let cmp = |one: &str, other: &str| compare(order, one, other).unwrap();
            prop_assert_eq!(cmp(&a, &a), Ordering::Equal);
            prop_assert_eq!(cmp(&a, &b), cmp(&b, &a).reverse());
            if cmp(&a, &b).is_le() && cmp(&b, &c).is_le() {
                prop_assert!(cmp(&a, &c).is_le(), "{a:?} {b:?} {c:?}");
            }
            if cmp(&a, &b).is_eq() {
                prop_assert_eq!(cmp(&a, &c), cmp(&b, &c));
            }
        }
    }

    #[test]
    fn a_release_more_is_newer(version in "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}", release in 0_u32..1000) {
        for order in ORDERS {
            let (old, new) = (format!("{version}-{release}"), format!("{version}-{}", release + 1));
            prop_assert_eq!(compare(order, &old, &new), Some(Ordering::Less));
        }
    }
}
