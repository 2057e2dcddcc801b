//! Moments as the user's own clock shows them.

use jiff::tz::TimeZone;
use jiff::{Zoned, civil};

use crate::language::{fill, tr};
use crate::model::Timestamp;

/// Where the user is; UTC until the app says.
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    pub fn new(zone: TimeZone) -> Self {
        Self(zone)
    }

    fn local(&self, at: Timestamp) -> Zoned {
        // A file may hold any number; what no calendar has is shown as its beginning.
        let second = i64::try_from(at.0).ok();
        let at = second.and_then(|second| jiff::Timestamp::from_second(second).ok());
        at.unwrap_or_default().to_zoned(self.0.clone())
    }

    /// "10:05".
    pub fn time(&self, at: Timestamp) -> String {
        time(self.local(at).time())
    }

    /// As much as it takes to tell it from other moments: "10:05" today, else "12 Oct, 10:05", with the year where it
    /// is another.
    pub fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        self.with_day(at, now, time)
    }

    /// The same to the second, for what would look alike.
    pub fn second(&self, at: Timestamp, now: Timestamp) -> String {
        let second = |time: civil::Time| time.strftime("%H:%M:%S").to_string();
        self.with_day(at, now, second)
    }

    fn with_day(
        &self,
        at: Timestamp,
        now: Timestamp,
        time: impl Fn(civil::Time) -> String,
    ) -> String {
        let (at, now) = (self.local(at), self.local(now));
        let time = time(at.time());
        if at.date() == now.date() {
            return time;
        }
        let (day, year) = (at.day(), at.year());
        let month = month(at.month());
        let mut values: Vec<(&str, &dyn std::fmt::Display)> =
            vec![("day", &day), ("month", &month), ("time", &time)];
        if year == now.year() {
            return fill("{day} {month}, {time}", &values);
        }
        values.push(("year", &year));
        fill("{day} {month} {year}, {time}", &values)
    }

    pub fn same_day(&self, one: Timestamp, other: Timestamp) -> bool {
        self.local(one).date() == self.local(other).date()
    }

    /// To the second, with the zone: "2026-11-25 22:31:07 CET".
    pub fn exact(&self, at: Timestamp) -> String {
        self.local(at).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

fn time(time: civil::Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn month(number: i8) -> &'static str {
    match number {
        1 => tr("Jan"),
        2 => tr("Feb"),
        3 => tr("Mar"),
        4 => tr("Apr"),
        5 => tr("May"),
        6 => tr("Jun"),
        7 => tr("Jul"),
        8 => tr("Aug"),
        9 => tr("Sep"),
        10 => tr("Oct"),
        11 => tr("Nov"),
        _ => tr("Dec"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_say_no_more_than_it_takes() {
        let zone = Zone::default();
        let now = Timestamp(1_790_000_000); // 2026-09-21 14:13:20
        let check = |before: u64, text: &str| {
            assert_eq!(zone.moment(Timestamp(now.0 - before), now), text);
        };
        check(0, "14:13");
        check(14 * 3600, "00:13");
        assert_eq!(zone.second(now, now), "14:13:20");
        check(15 * 3600, "20 Sep, 23:13");
        check(300 * 86_400, "25 Nov 2025, 14:13");
        assert_eq!(zone.exact(now), "2026-09-21 14:13:20 UTC");
    }

    #[test]
    fn the_zone_of_the_user_counts() {
        let zone = Zone::new(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(zone.time(Timestamp(1_790_000_000)), "16:13");
        assert_eq!(zone.time(Timestamp(u64::MAX)), "02:00");
    }
}
