//! Where a server may send a reader on to: the same host, over https. What a feed says is believed because of where it
//! was read.

use ureq::http::Uri;

/// How often the request for one document may be sent on.
pub const MOST: usize = 5;

/// The address to which `location` sends the request for `url`.
///
/// # Errors
///
/// A sentence to stand behind the feed, if that is not the same host over https.
pub fn target(url: &str, location: &str) -> Result<String, String> {
    let from: Uri = url.parse().map_err(|_| "has an address that cannot be read".to_owned())?;
    let refused = || "redirects to an address that is not of the same host over https".to_owned();
    let to: Uri = absolute(&from, location).and_then(|to| to.parse().ok()).ok_or_else(refused)?;
    let port = |uri: &Uri| uri.port_u16().or_else(|| (uri.scheme_str() == Some("http")).then_some(80)).unwrap_or(443);
    let same_port = port(&from) == port(&to) || (from.scheme_str() == Some("http") && port(&to) == 443);
    let same_host = match (from.host(), to.host()) {
        (Some(from), Some(to)) => from.eq_ignore_ascii_case(to),
        _ => false,
    };
    let has_user = to.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if to.scheme_str() == Some("https") && same_host && same_port && !has_user {
        Ok(to.to_string())
    } else {
        Err(refused())
    }
}

/// A location as an address of its own: it may leave out the scheme, the host or the directory.
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#field.location>.
fn absolute(from: &Uri, location: &str) -> Option<String> {
    let (scheme, host) = (from.scheme_str()?, from.authority()?);
    let begins_with_scheme = location.split(['/', '?', '#']).next().is_some_and(|head| head.contains(':'));
    if begins_with_scheme {
        Some(location.to_owned())
    } else if location.starts_with("//") {
        Some(format!("{scheme}:{location}"))
    } else if location.starts_with('/') {
        Some(format!("{scheme}://{host}{location}"))
    } else {
        let (directory, _) = from.path().rsplit_once('/')?;
        Some(format!("{scheme}://{host}{directory}/{location}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://feeds.example/a/list.json";

    #[test]
    fn a_feed_is_followed_on_its_own_host_over_https() {
        for (location, to) in [
            ("https://feeds.example/b", "https://feeds.example/b"),
            ("https://FEEDS.example:443/b?c=d", "https://FEEDS.example:443/b?c=d"),
            ("/b", "https://feeds.example/b"),
            ("b.json", "https://feeds.example/a/b.json"),
            ("//feeds.example/b", "https://feeds.example/b"),
        ] {
            assert_eq!(target(URL, location).as_deref(), Ok(to), "{location}");
        }
        assert_eq!(target("http://mirror.example/a", "https://mirror.example/a").unwrap(), "https://mirror.example/a");
    }

    #[test]
    fn a_feed_is_not_followed_to_another_host_port_or_scheme() {
        for location in [
            "https://evil.example/b",
            "https://feeds.example.evil.example/b",
            "https://evil.example#feeds.example",
            "https://feeds.example@evil.example/b",
            "https://user@feeds.example/b",
            "https://feeds.example:8443/b",
            "http://feeds.example/b",
            "//evil.example/b",
            "file:///etc/passwd",
            "http:b",
        ] {
            assert!(target(URL, location).is_err(), "{location}");
        }
        assert!(target("http://169.254.169.254/a", "http://169.254.169.254/b").is_err(), "a mirror without https");
    }
}
