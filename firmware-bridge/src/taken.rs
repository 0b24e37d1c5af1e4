//! Which content of an order a terminal took, as a report tells it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Place of the content in the order's list; `None` = the first, or none yet. At the end of a report:
/// one byte, or nothing, as reports were before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken(pub Option<u8>);

impl Serialize for Taken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(place) => serializer.serialize_u8(place),
            None => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Taken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Where the bytes end there is none.
        Ok(Self(u8::deserialize(deserializer).ok()))
    }
}
