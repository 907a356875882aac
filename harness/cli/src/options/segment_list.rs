//! Segments by number, and how many to draw, as they are written.

use std::str::FromStr;

/// Says how many segments to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    All,
    Count(u64),
}

/// Holds segments by number: half-open ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentList(pub(super) Vec<(u64, u64)>);

/// Holds what `--segments` said, which meant the one or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Either {
    /// As it was written.
    text: String,
    pub(super) meant: Meant,
}

/// Says which of both it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Sample(Sample),
    List(SegmentList),
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            let mut problem = "write how many segments to draw, or `all`".to_owned();
            if text.parse::<SegmentList>().is_ok() {
                problem += &format!("; to replay certain ones, write --segment {text}");
            }
            problem
        };
        match (text, text.parse::<u64>()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(count @ 1..)) => Ok(Self::Count(count)),
            _ => Err(refuse()),
        }
    }
}

impl FromStr for SegmentList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some((first, last.checked_add(1)?))
        };
        let parts = text.strip_suffix(',').unwrap_or(text).split(',');
        let refuse = || match text {
            "all" => "to replay every segment, write --sample all".to_owned(),
            _ => "write numbers of segments, like `3` or `0,3,7-9`".to_owned(),
        };
        parts.map(range).collect::<Option<_>>().map(Self).ok_or_else(refuse)
    }
}

impl FromStr for Either {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sample = text.parse().map(Meant::Sample);
        let meant = sample.or_else(|_| text.parse().map(Meant::List));
        let refuse = |_: String| "write --sample N|all, or --segment LIST".to_owned();
        match meant.map_err(refuse)? {
            // Nobody who wrote 0 meant to draw none.
            Meant::List(_) if text == "0" => Err("write --segment 0, or --sample N".into()),
            meant => Ok(Self { text: text.to_owned(), meant }),
        }
    }
}

impl Either {
    /// Says which of both was understood, and how to say it.
    pub(super) fn warning(&self) -> String {
        let Self { text, meant } = self;
        match meant {
            Meant::Sample(Sample::All) => {
                "--segments is going away: write --sample all, which is what was done".into()
            }
            Meant::Sample(Sample::Count(count)) => format!(
                "--segments {text} was taken as --sample {count}, which draws so many. To replay \
                 segment number {count}, write --segment {count}. --segments is going away"
            ),
            Meant::List(_) => {
                let list = text.trim_end_matches(',');
                format!(
                    "--segments {text} was taken as --segment {list}, which replays these and \
                     draws none. Write it so: --segments is going away"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_to_draw_is_no_segment() {
        assert_eq!("all".parse(), Ok(Sample::All));
        assert_eq!("3".parse(), Ok(Sample::Count(3)));
        for text in ["", "0", "x", "-1", "3,", "0,3"] {
            assert!(text.parse::<Sample>().is_err(), "{text}");
        }
        assert!("3,".parse::<Sample>().unwrap_err().contains("--segment 3,"));
    }

    #[test]
    fn a_list_is_one_of_numbers() {
        assert_eq!("3".parse(), Ok(SegmentList(vec![(3, 4)])));
        assert_eq!("0,3,7-9".parse(), Ok(SegmentList(vec![(0, 1), (3, 4), (7, 10)])));
        assert_eq!("5,".parse(), Ok(SegmentList(vec![(5, 6)])));
        for text in ["", ",", "x", "3-1", "1,,2", "1,,", "-1"] {
            assert!(text.parse::<SegmentList>().is_err(), "{text}");
        }
        let largest = "18446744073709551615-18446744073709551615";
        assert!(largest.parse::<SegmentList>().is_err());
        assert!("all".parse::<SegmentList>().unwrap_err().contains("--sample all"));
    }

    #[test]
    fn the_old_option_says_which_of_both_it_was() {
        let warning = |text: &str| text.parse::<Either>().map(|found| found.warning());
        for (text, said) in [
            ("all", "--sample all"),
            ("3", "--sample 3, which draws"),
            ("3,", "--segment 3, which replays these"),
            ("0,3", "--segment 0,3, which"),
        ] {
            assert!(warning(text).unwrap().contains(said), "{text}: {:?}", warning(text));
        }
        for text in ["", "0", "x", "1,,2"] {
            assert!(warning(text).is_err(), "{text}");
        }
    }
}
