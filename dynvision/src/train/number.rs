//! Numbers that a line of JSON can hold, infinite ones and NaN too: those are written as the texts `inf`, `-inf` and `NaN`.

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use std::fmt;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde lends what it writes")]
pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() { serializer.serialize_f64(*number) } else { serializer.serialize_str(&number.to_string()) }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(Number)
}

struct Number;
impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or one of the texts `inf`, `-inf` and `NaN`")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            "NaN" => Ok(f64::NAN),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Of {
        #[serde(with = "super")]
        x: f64,
    }

    #[test]
    fn every_number_comes_back_from_json_and_toml() {
        for x in [
            0.0,
            -0.0,
            1.0 / 3.0,
            7.0,
            f64::MIN_POSITIVE / 4.0,
            f64::MAX,
            0.09990784012875585,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            let json: Of = serde_json::from_str(&serde_json::to_string(&Of { x }).unwrap()).unwrap();
            let toml: Of = toml::from_str(&toml::to_string(&Of { x }).unwrap()).unwrap();
            assert_eq!((json.x.to_bits(), toml.x.to_bits()), (x.to_bits(), x.to_bits()));
        }
        let json: Of = serde_json::from_str(&serde_json::to_string(&Of { x: f64::NAN }).unwrap()).unwrap();
        assert!(json.x.is_nan());
        assert!(toml::from_str::<Of>("x = nan").unwrap().x.is_nan());
        assert!(serde_json::from_str::<Of>(r#"{"x":"many"}"#).is_err());
    }
}
