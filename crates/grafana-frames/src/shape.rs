//! Checks the structure of JSON from a worker without keeping it, in a single pass.
//!
//! JSON parsed into maps and strings takes many times its length, so that a short text could take much
//! memory. The types here describe parts of a document and hold no data.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Checks that `text` is JSON with the structure `T`, without keeping any of it.
///
/// # Errors
/// The JSON parser's error when it is not.
pub fn check<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<()> {
    serde_json::from_slice::<T>(text).map(drop)
}

/// A string.
#[derive(Debug)]
pub struct Text;

/// A list of `T`.
#[derive(Debug)]
pub struct Each<T>(PhantomData<T>);

/// An object with any names, whose values are `T`.
#[derive(Debug)]
pub struct Under<T>(PhantomData<T>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl Visitor<'_> for Seen {
            type Value = Text;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Text, E> {
                Ok(Text)
            }
        }
        from.deserialize_str(Seen)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Seen<T> {
            type Value = Each<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Each<T>, A::Error> {
                while items.next_element::<T>()?.is_some() {}
                Ok(Each(PhantomData))
            }
        }
        from.deserialize_seq(Seen(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Under<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Seen<T> {
            type Value = Under<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Under<T>, A::Error> {
                while entries.next_entry::<IgnoredAny, T>()?.is_some() {}
                Ok(Under(PhantomData))
            }
        }
        from.deserialize_map(Seen(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        assert!(check::<Each<Text>>(br#"["a", "\u00fc\n"]"#).is_ok());
        assert!(check::<Under<Text>>(br#"{"a": "b", "a": ""}"#).is_ok());
        for other in
            [&br#"["a", 1]"#[..], br#"["a""#, br#"["a"] x"#, br#"{"a": "b"}"#, b"null", b"\"a\"", b""]
        {
            assert!(check::<Each<Text>>(other).is_err(), "{}", String::from_utf8_lossy(other));
        }
        for other in [&br#"{"a": 1}"#[..], br#"{"a": {}}"#, br#"["a"]"#, b"null"] {
            assert!(check::<Under<Text>>(other).is_err(), "{}", String::from_utf8_lossy(other));
        }
    }
}
