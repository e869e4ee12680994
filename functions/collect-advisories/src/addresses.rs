//! Where feeds are read: where their vendors publish them, or where configuration says.

use std::collections::BTreeMap;

use prism_aws::error::{Error, Result};

/// The addresses that configuration gives, by the feed; `*` for every other one, with `{feed}` for its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(BTreeMap<String, String>);

impl Addresses {
    /// Reads `kev=https://mirror.example/kev,*=https://mirror.example/{feed}`.
    ///
    /// # Errors
    ///
    /// A sentence that names the entry, if one is not of this form.
    pub fn parse(text: &str) -> Result<Self> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let read = entries.map(|entry| match entry.split_once('=') {
            Some((feed, url)) if is_feed(feed) && is_url(url) => {
                Ok((feed.to_owned(), url.trim_end_matches('/').to_owned()))
            }
            _ => Err(Error::malformed(
                "the environment variable FEED_URLS",
                format!("\"{entry}\" is not of the form feed=https://host/path; * stands for every other feed"),
            )),
        });
        read.collect::<Result<_>>().map(Self)
    }

    /// Where a feed is read that its vendor publishes at `public`.
    #[must_use]
    pub fn of(&self, feed: &str, public: &str) -> String {
        let configured = self.0.get(feed).or_else(|| self.0.get("*"));
        configured.map_or_else(|| public.to_owned(), |url| url.replace("{feed}", feed))
    }
}

fn is_feed(name: &str) -> bool {
    name == "*" || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
}

fn is_url(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_read_where_configuration_says_or_else_where_it_is_published() {
        let addresses = Addresses::parse("kev=http://a/, *=https://b/{feed}").unwrap();
        assert_eq!(addresses.of("kev", "https://cisa.example"), "http://a");
        assert_eq!(addresses.of("epss", "https://epss.example"), "https://b/epss");
        assert_eq!(Addresses::parse("").unwrap().of("kev", "https://cisa.example"), "https://cisa.example");
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for text in ["kev", "kev=ftp://x", "KEV=https://x", "kev=https://"] {
            assert!(Addresses::parse(text).unwrap_err().to_string().contains(text), "{text}");
        }
    }
}
