//! Points in time as plain numbers; reading the clock is someone else's job.

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment in UTC, as logs write it: "2026-11-25 22:31:07".
    pub fn utc(self) -> String {
        let (days, seconds) = (self.0 / 86_400, self.0 % 86_400);
        // Days to a date, counted in eras of 400 years from 1 March 0000
        // (https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    /// How long before `now` this was, as people say it: "a moment ago", "5 min ago", "3 d ago".
    pub fn ago(self, now: Self) -> String {
        let seconds = now.0.saturating_sub(self.0);
        match seconds {
            0..60 => "a moment ago".to_owned(),
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
    fn moments_are_dates_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_827_696, "2000-02-29 12:34:56"),
            (1_790_000_000, "2026-09-21 14:13:20"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(Timestamp(seconds).utc(), text);
        }
    }

    #[test]
    fn times_read_as_people_say_them() {
        let now = Timestamp(1_000_000);
        assert_eq!(Timestamp(999_990).ago(now), "a moment ago");
        assert_eq!(Timestamp(999_000).ago(now), "16 min ago");
        assert_eq!(Timestamp(988_480).span_to(now), "3 h 12 min");
        assert_eq!(Timestamp(2_000_000).ago(now), "a moment ago");
    }
}
