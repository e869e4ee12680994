//! Which names somebody may have meant.

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
            (if begins { 1 } else { distance(name, candidate) }, candidate)
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

/// How many letters have to be changed, added or taken away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, b) in other.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let here = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            diagonal = above;
            left = here;
        }
        if let Some(cell) = row.last_mut() {
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn the_nearest_names_are_told_first() {
        let known = ["ubuntu-20.04", "ubuntu-22.04", "ubuntu-24.04", "debian-12"];
        assert_eq!(nearest("ubunto-22.04", known), ["ubuntu-22.04", "ubuntu-20.04", "ubuntu-24.04"]);
        assert_eq!(nearest("ubuntu", known).len(), 3);
        assert_eq!(hint("plan9", known, "there is nothing like it"), "there is nothing like it");
        assert_eq!(hint("debian-13", known, ""), "did you mean debian-12?");
    }
}
