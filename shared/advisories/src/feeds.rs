//! Every feed.

mod alas_rss;
mod apollo;
mod debian_list;
mod debian_tracker;
mod epss;
mod kev;
mod osv;
mod repository;
mod suse_csaf;
mod ubuntu_notices;

use crate::feed::Feed;

/// Every feed, each once.
#[must_use]
pub fn all() -> Vec<Feed> {
    let single = [
        ubuntu_notices::FEED,
        debian_list::FEED,
        debian_tracker::FEED,
        apollo::FEED,
        suse_csaf::FEED,
        kev::FEED,
        epss::FEED,
    ];
    [single.as_slice(), &repository::FEEDS, &alas_rss::FEEDS, &osv::FEEDS].concat()
}

/// A path that may be requested: what a vendor names, below the base URL.
fn is_path(path: &str) -> bool {
    (2..=500).contains(&path.len())
        && path.starts_with('/')
        && !path.starts_with("//")
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'+' | b':' | b'~'))
        && path.split('/').all(|part| part != ".." && part != ".")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prism_domain::catalogue::Catalogue;

    use super::*;

    #[test]
    fn every_ecosystem_of_the_catalogue_has_a_feed_but_windows() {
        let feeds = all();
        let told: BTreeSet<&str> = feeds.iter().flat_map(|feed| feed.ecosystems.iter().copied()).collect();
        for base in &Catalogue::built_in() {
            if let Some(ecosystem) = &base.ecosystem {
                let is_windows = ecosystem.as_str().starts_with("windows-");
                assert!(told.contains(ecosystem.as_str()) != is_windows, "{}: {ecosystem}", base.name);
            }
        }
    }

    #[test]
    fn the_documentation_names_every_feed_that_there_is() {
        let documentation = include_str!("../../../docs/ADVISORIES.md");
        for feed in all() {
            assert!(documentation.contains(&format!("`{}`", feed.name)), "{}", feed.name);
            let host = feed.base_url.trim_start_matches("https://");
            assert!(documentation.contains(host) || host.ends_with("googleapis.com"), "{host}");
        }
    }
}
