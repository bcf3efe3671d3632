//! Values with units.

use toml::Value;

/// A number with the unit that stands behind it.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E' || c == 'µ').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.trim().parse().ok().filter(|x: &f64| x.is_finite())?, unit.trim()))
}

fn plain(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(whole) => Some(*whole as f64),
        Value::Float(real) => Some(*real),
        _ => None,
    }
}

/// A time in ms.
pub(super) fn time(value: &Value, dt: f64) -> Option<f64> {
    if let Some(ms) = plain(value) {
        return Some(ms);
    }
    match split(value.as_str()?)? {
        (x, "ms" | "") => Some(x),
        (x, "s") => Some(x * 1e3),
        (x, "us" | "µs") => Some(x / 1e3),
        (x, "step" | "steps") => Some(x * dt),
        _ => None,
    }
}

/// A number of steps.
pub(super) fn steps(value: &Value, dt: f64) -> Option<i64> {
    let whole = |x: f64| ((x - x.round()).abs() < 1e-6 && (0.0..1e15).contains(&x.round())).then_some(x.round() as i64);
    if let Some(steps) = plain(value) {
        return whole(steps);
    }
    match split(value.as_str()?)? {
        (x, "step" | "steps" | "") => whole(x),
        _ => whole(time(value, dt)? / dt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        let text = |text: &str| Value::String(text.into());
        assert_eq!(time(&text("10ms"), 2.), Some(10.));
        assert_eq!(time(&text("1.5e1 ms"), 2.), Some(15.));
        assert_eq!(time(&text("0.01 s"), 2.), Some(10.));
        assert_eq!(time(&text("3 steps"), 2.), Some(6.));
        assert_eq!(time(&Value::Integer(4), 2.), Some(4.));
        assert_eq!(time(&text("10 m"), 2.), None);
        assert_eq!(time(&text("ms"), 2.), None);
        assert_eq!(time(&text("inf ms"), 2.), None);
        assert_eq!(steps(&text("20 ms"), 2.), Some(10));
        assert_eq!(steps(&text("4 steps"), 2.), Some(4));
        assert_eq!(steps(&text("3 ms"), 2.), None, "one and a half steps");
        assert_eq!(steps(&Value::Integer(-1), 2.), None);
    }
}
