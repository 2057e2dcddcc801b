//! Points in time as plain numbers; reading the clock is someone else's job.

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long before `now` this was, as people say it: "just now", "5 min ago", "3 d ago".
    pub fn ago(self, now: Self) -> String {
        let seconds = now.0.saturating_sub(self.0);
        match seconds {
            0..60 => "just now".to_owned(),
            60..3600 => format!("{} min ago", seconds / 60),
            3600..86_400 => format!("{} h ago", seconds / 3600),
            _ => format!("{} d ago", seconds / 86_400),
        }
    }

    /// The time from `self` to `now`, as "3 h 12 min".
    pub fn span_to(self, now: Self) -> String {
        let seconds = now.0.saturating_sub(self.0);
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
            _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now = Timestamp(1_000_000);
        assert_eq!(Timestamp(999_990).ago(now), "just now");
        assert_eq!(Timestamp(999_000).ago(now), "16 min ago");
        assert_eq!(Timestamp(988_480).span_to(now), "3 h 12 min");
        assert_eq!(Timestamp(2_000_000).ago(now), "just now");
    }
}
