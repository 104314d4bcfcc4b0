//! Durations as seconds in JSON: `1.5` is what people and spreadsheets read.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
}

/// The same for what may be absent.
pub(crate) mod option {
    use super::{D, Duration, S};

    pub(crate) fn serialize<Z: S>(duration: &Option<Duration>, serializer: Z) -> Result<Z::Ok, Z::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, Z: D<'de>>(deserializer: Z) -> Result<Option<Duration>, Z::Error> {
        let seconds = <Option<f64> as serde::Deserialize>::deserialize(deserializer)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(<Z::Error as serde::de::Error>::custom)
    }
}

use serde::{Deserializer as D, Serializer as S};
