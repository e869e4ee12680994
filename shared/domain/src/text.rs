//! Values that are written and read as text.

/// A text that is not a well-formed name of its kind. Reads on from the field: `template is not …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not {what}; {allowed}")]
pub struct MalformedId {
    pub(crate) what: &'static str,
    pub(crate) allowed: &'static str,
}

/// Writes and reads values of a type as the text that their `Display` shows and their `FromStr` takes.
macro_rules! stored_as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use stored_as_text;

/// Shows the values of enums as the words that they are stored as.
macro_rules! shown_as_stored {
    ($($name:ty),+) => {
        $(impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        })+
    };
}
pub(crate) use shown_as_stored;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $allowed:literal, $is_valid:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        $crate::text::stored_as_text!($name);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text::MalformedId;
            fn from_str(text: &str) -> Result<Self, $crate::text::MalformedId> {
                if $is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::text::MalformedId { what: $what, allowed: $allowed })
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
pub(crate) use text_id;
