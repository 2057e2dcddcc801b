//! The time of day, for records and screens.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// Now; 1970 on a computer whose clock stands before that.
pub fn now() -> Timestamp {
    of(SystemTime::now())
}

/// A time that a file has; 1970 for one before that.
pub fn of(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_secs()))
}

/// Now, in nanoseconds since 1970.
pub fn nanoseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
