//! What each kind of text may hold. Lists of what is allowed, never of what is not.

use crate::package;

/// A kind of text, and how to tell it.
pub(crate) struct Rule {
    /// What it is called: `a login name`.
    pub(crate) what: &'static str,
    /// What is allowed, as a sentence's second half.
    pub(crate) allowed: &'static str,
    /// Whether a text is one.
    pub(crate) holds: fn(&str) -> bool,
}

pub(crate) const TITLE: Rule = Rule {
    what: "a name",
    allowed: "allowed are 1 to 100 printable characters on one line",
    holds: |text| is_line(text, 100),
};

pub(crate) const DESCRIPTION: Rule = Rule {
    what: "a description",
    allowed: "allowed are 1 to 1000 printable characters",
    holds: |text| !text.is_empty() && text.chars().count() <= 1000 && is_visible(text),
};

pub(crate) const SYSTEM_PACKAGE: Rule = Rule {
    what: "a system package",
    allowed: "allowed are letters, digits and . + - _ : ~ ^, a letter or digit first, and =version behind it",
    holds: package::is_system,
};

pub(crate) const CONDA_PACKAGE: Rule = Rule {
    what: "a conda package",
    allowed: "it looks like samtools, r-base=4.3 or bioconda::samtools>=1.19, without spaces",
    holds: package::is_conda,
};

pub(crate) const PIP_PACKAGE: Rule = Rule {
    what: "a Python package",
    allowed: "it looks like numpy, numpy==1.26.4 or jupyterlab[all]>=4,<5, without spaces; addresses, paths and options are not taken",
    holds: package::is_pip,
};

pub(crate) const USER: Rule = Rule {
    what: "a login name",
    allowed: "allowed are 1 to 32 lower-case letters, digits, - and _, a letter or _ first, and not root",
    holds: |text| is_account(text) && text != "root",
};

pub(crate) const GROUP: Rule = Rule {
    what: "a group",
    allowed: "allowed are 1 to 32 lower-case letters, digits, - and _, a letter or _ first",
    holds: is_account,
};

pub(crate) const SHELL: Rule = Rule {
    what: "a login shell",
    allowed: "it is the absolute path of a program, such as /bin/bash",
    holds: |text| {
        text.len() <= 128
            && text.starts_with('/')
            && !text.ends_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    },
};

/// Source: <https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html>, less the
/// backslash.
pub(crate) const SERVICE: Rule = Rule {
    what: "a systemd service",
    allowed: "allowed are 1 to 128 letters, digits and : - _ . @, a letter or digit first",
    holds: |text| {
        (1..=128).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || ":-_.@".contains(c))
    },
};

pub(crate) const SHELL_TEXT: Rule = Rule {
    what: "shell text",
    allowed: "allowed are printable characters, tabs and line breaks",
    holds: |text| !text.trim().is_empty() && is_visible(text),
};

/// Source: <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html>.
pub(crate) const INSTANCE_TYPE: Rule = Rule {
    what: "an instance type",
    allowed: "it looks like t3.large",
    holds: |text| {
        let fits = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.split_once('.').is_some_and(|(family, size)| fits(family) && fits(size))
    },
};

pub(crate) const VERSION: Rule = Rule {
    what: "a version",
    allowed: "it is three numbers, such as 1.4.0",
    holds: |text| {
        let is_number = |part: &str| {
            (1..=9).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        text.split('.').count() == 3 && text.split('.').all(is_number)
    },
};

/// Image Builder's pattern, which is the stricter one, and EC2's lengths.
/// Sources: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_TagResource.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
pub(crate) const TAG_KEY: Rule = Rule {
    what: "a tag's key",
    allowed: "allowed are 1 to 128 letters, digits, spaces and + - = . _ : / @, and neither aws: nor prism: in front",
    holds: |text| {
        let lower = text.to_ascii_lowercase();
        (1..=128).contains(&text.len())
            && text.trim() == text
            && text.chars().all(|c| c.is_ascii_alphanumeric() || TAG_SIGNS.contains(c))
            && !lower.starts_with("aws:")
            && !lower.starts_with("prism:")
    },
};

pub(crate) const TAG_VALUE: Rule = Rule {
    what: "a tag's value",
    allowed: "allowed are at most 256 letters, digits, spaces and + - = . _ : / @",
    holds: |text| text.chars().count() <= 256 && text.chars().all(|c| c.is_alphanumeric() || TAG_SIGNS.contains(c)),
};

const TAG_SIGNS: &str = " +-=._:/@";

fn is_account(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

fn is_line(text: &str, limit: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= limit && is_visible(text) && !text.contains(['\n', '\t'])
}

/// Whether there are no control or direction characters but tab and line break, no separators of lines and paragraphs,
/// and no byte order mark, which YAML readers drop. What else a reader does not see, such as the joiners of an emoji, is
/// let be: templates that are applied already have to be read.
fn is_visible(text: &str) -> bool {
    let refused = |c: char| {
        let directs = matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        directs || (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
    };
    !text.chars().any(refused)
}
