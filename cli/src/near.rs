//! Which names somebody may have meant.

use prism_domain::catalogue::Catalogue;
use strsim::osa_distance;

/// How many are told.
const TOLD: usize = 3;

/// The names nearest to one that is not known, the nearest first: those within a few letters of it, and
/// those that begin like it.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let far = (name.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|candidate| {
            let begins = candidate.starts_with(name) || (name.len() > 3 && name.starts_with(candidate));
            (if begins { 1 } else { osa_distance(name, candidate) }, candidate)
        })
        .filter(|(distance, _)| *distance <= far)
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, candidate)| candidate).take(TOLD).collect()
}

/// `did you mean a, b or c?`, or what stands instead of it when nothing is near.
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match nearest(name, known).as_slice() {
        [] => otherwise.to_owned(),
        [one] => format!("did you mean {one}?"),
        [some @ .., last] => format!("did you mean {} or {last}?", some.join(", ")),
    }
}

/// Which base images of the catalogue somebody may have meant.
pub fn base_image(name: &str, catalogue: &Catalogue) -> String {
    let called = catalogue
        .iter()
        .flat_map(|base| std::iter::once(base.name.as_str()).chain(base.aliases.iter().map(String::as_str)));
    hint(name, called, "prism base-images list --all shows all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_told_first() {
        let known = ["ubuntu-20.04", "ubuntu-22.04", "ubuntu-24.04", "debian-12"];
        assert_eq!(nearest("ubunto-22.04", known), ["ubuntu-22.04", "ubuntu-20.04", "ubuntu-24.04"]);
        assert_eq!(nearest("ubuntu", known).len(), 3);
        assert_eq!(hint("plan9", known, "there is nothing like it"), "there is nothing like it");
        assert_eq!(hint("debian-13", known, ""), "did you mean debian-12?");
    }
}
