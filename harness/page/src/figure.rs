//! Numbers, lists and sentences as a person reads them.

use maud::{Markup, html};
pub(super) use reenact_core::sanitize::{count, percent};

/// Ranges listed before the rest is only counted.
const RANGES_MAX: usize = 24;

/// Writes ascending numbers as `0, 3 to 5, 9`.
pub(super) fn ranges(numbers: impl Iterator<Item = u64>) -> String {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match found.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => found.push((number, number)),
        }
    }
    let left_out: u64 = found.iter().skip(RANGES_MAX).map(|(first, last)| last - first + 1).sum();
    let show = |&(first, last): &(u64, u64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    let shown: Vec<String> = found.iter().take(RANGES_MAX).map(show).collect();
    let more = if left_out > 0 { format!(" and {left_out} more") } else { String::new() };
    shown.join(", ") + &more
}

/// Writes every digit that tells a loss from its neighbours.
pub(super) fn loss(bits: u32) -> String {
    match f32::from_bits(bits) {
        nan if nan.is_nan() => "NaN".into(),
        infinity if infinity.is_infinite() => infinity.to_string(),
        tiny if tiny != 0.0 && (tiny.abs() < 1e-4 || tiny.abs() >= 1e7) => format!("{tiny:e}"),
        loss => loss.to_string(),
    }
}

/// Writes a learning rate; none is one that is not finite.
pub(super) fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "NaN or infinity".into(), |rate| format!("{rate:e}"))
}

/// Writes a value beside an axis.
pub(super) fn tick(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        small if small < 1e-3 => format!("{value:.1e}"),
        large if large >= 1e5 => format!("{value:.1e}"),
        large if large >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    }
}

/// Sets what stands between backticks as code.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Begins with a capital, as a sentence does.
pub(super) fn sentence(text: &str) -> Markup {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    prose(&format!("{first}{}.", letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_joined_to_ranges() {
        assert_eq!(ranges([0, 3, 4, 5, 8, 9].into_iter()), "0, 3 to 5, 8, 9");
        assert_eq!(ranges([].into_iter()), "");
        assert_eq!(ranges([u64::MAX].into_iter()), u64::MAX.to_string());
        assert!(ranges((0..100).map(|n| 2 * n)).ends_with("46 and 76 more"));
    }

    #[test]
    fn losses_show_what_is_not_a_number() {
        let shown: Vec<String> =
            [f32::NAN, f32::NEG_INFINITY, 0.5, 1e-30].map(|loss_| loss(loss_.to_bits())).into();
        assert_eq!(shown, ["NaN", "-inf", "0.5", "1e-30"]);
    }

    #[test]
    fn prose_sets_code_and_nothing_else() {
        let shown = prose("the `<a>` of `b`, `c").into_string();
        assert_eq!(shown, "the <code>&lt;a&gt;</code> of <code>b</code>, <code>c</code>");
        assert_eq!(sentence("so it is").into_string(), "So it is.");
    }
}
