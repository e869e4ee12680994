//! Under which names advisories tell of a package that is installed.

use std::borrow::Cow;

use crate::advisory::Ecosystem;

/// Debian's source packages by what the names of their binary packages begin with, where those are in the images of
/// Debian or often added to them, and are not called as the source is.
/// Source: the fields *Source* of <https://packages.debian.org/bookworm/> and <https://packages.debian.org/trixie/>.
const SOURCES: [(&str, &str); 46] = [
    ("bind9-dnsutils", "bind9"),
    ("bind9-host", "bind9"),
    ("bind9-libs", "bind9"),
    ("grub-common", "grub2"),
    ("grub-efi-", "grub2"),
    ("isc-dhcp-client", "isc-dhcp"),
    ("libarchive13", "libarchive"),
    ("libc-bin", "glibc"),
    ("libc6", "glibc"),
    ("libcups2", "cups"),
    ("libcurl3", "curl"),
    ("libcurl4", "curl"),
    ("libdbus-1-3", "dbus"),
    ("libexpat1", "expat"),
    ("libfreetype6", "freetype"),
    ("libglib2.0-0", "glib2.0"),
    ("libgmp10", "gmp"),
    ("libgnutls30", "gnutls28"),
    ("libgssapi-krb5-2", "krb5"),
    ("libicu7", "icu"),
    ("libidn2-0", "libidn2"),
    ("libjpeg62-turbo", "libjpeg-turbo"),
    ("libkrb5-3", "krb5"),
    ("libldap-2", "openldap"),
    ("libldap2", "openldap"),
    ("liblz4-1", "lz4"),
    ("liblzma5", "xz-utils"),
    ("libmount1", "util-linux"),
    ("libncurses6", "ncurses"),
    ("libnettle8", "nettle"),
    ("libnghttp2-14", "nghttp2"),
    ("libnss3", "nss"),
    ("libp11-kit0", "p11-kit"),
    ("libpam-modules", "pam"),
    ("libpam0g", "pam"),
    ("libpng16-16", "libpng1.6"),
    ("libsasl2-2", "cyrus-sasl2"),
    ("libsqlite3-0", "sqlite3"),
    ("libssh2-1", "libssh2"),
    ("libssl3", "openssl"),
    ("libsystemd0", "systemd"),
    ("libtiff6", "tiff"),
    ("libzstd1", "libzstd"),
    ("openssh-client", "openssh"),
    ("openssh-server", "openssh"),
    ("zlib1g", "zlib"),
];

/// A name without the number of a build: every build of Ubuntu's and Debian's kernels is a package of another name, such
/// as `linux-image-6.8.0-1017-aws`, so that an advisory names another one than is installed.
/// Source: <https://wiki.ubuntu.com/KernelTeam/BuildSystem/ABI>.
pub(super) fn without_build(name: &str) -> Cow<'_, str> {
    let Some(rest) = name.strip_prefix("linux-") else { return Cow::Borrowed(name) };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let parts: Vec<&str> = rest.split('-').collect();
    let begins_at = parts.windows(2).position(|pair| pair[0].contains('.') && pair.iter().all(|part| is_number(part)));
    let Some(place) = begins_at else { return Cow::Borrowed(name) };
    let mut kept = vec!["linux"];
    kept.extend(&parts[..place]);
    kept.push("#");
    kept.extend(&parts[place + 2..]);
    Cow::Owned(kept.join("-"))
}

/// The source package of an installed one, where advisories name sources and it is called otherwise.
pub(super) fn source<'a>(ecosystem: &Ecosystem, name: &'a str) -> Option<Cow<'a, str>> {
    if !ecosystem.names_sources() {
        return None;
    }
    let is_kernel =
        name.strip_prefix("linux-image-").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let known = SOURCES.iter().find(|(begins, _)| name.starts_with(begins)).map(|(_, source)| *source);
    let interpreter = name.strip_suffix("-minimal").filter(|source| source.starts_with("python3."));
    let other = if is_kernel { Some("linux") } else { known.or(interpreter) };
    let other = other.or(name.strip_suffix("-base").filter(|source| *source == "perl"));
    other.or((name == "passwd").then_some("shadow")).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_of_a_kernel_have_one_name() {
        for (name, without) in [
            ("linux-image-6.8.0-1017-aws", "linux-image-#-aws"),
            ("linux-image-unsigned-5.15.0-1071-aws", "linux-image-unsigned-#-aws"),
            ("linux-aws-headers-6.8.0-1017", "linux-aws-headers-#"),
            ("linux-image-6.1.0-37-cloud-amd64", "linux-image-#-cloud-amd64"),
            ("linux-modules-extra-6.8.0-45-generic", "linux-modules-extra-#-generic"),
            ("linux-image-aws", "linux-image-aws"),
            ("linux-libc-dev", "linux-libc-dev"),
            ("linux-aws-6.8", "linux-aws-6.8"),
            ("python3.11-minimal", "python3.11-minimal"),
        ] {
            assert_eq!(without_build(name), without);
        }
    }

    #[test]
    fn debians_binary_packages_are_known_by_their_sources() {
        let debian: Ecosystem = "debian-13".parse().unwrap();
        for (name, known) in [
            ("libssl3t64", Some("openssl")),
            ("libc6", Some("glibc")),
            ("linux-image-6.12.41+deb13-cloud-amd64", Some("linux")),
            ("linux-image-cloud-amd64", None),
            ("linux-image-6.1.0-37-cloud-amd64", Some("linux")),
            ("python3.13-minimal", Some("python3.13")),
            ("perl-base", Some("perl")),
            ("passwd", Some("shadow")),
            ("passwdqc", None),
            ("curl", None),
        ] {
            assert_eq!(source(&debian, name).as_deref(), known, "{name}");
        }
        assert_eq!(source(&"ubuntu-22.04".parse().unwrap(), "libssl3"), None);
    }
}
