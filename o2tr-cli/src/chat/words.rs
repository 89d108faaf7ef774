//! Numbers and times in words.

use core::time::Duration;

use jiff::tz::TimeZone;
use otr_core::Timestamp;

/// "1 text", "2 texts".
pub(super) fn count(number: usize, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

/// About how long.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// Hours and minutes, where the user is.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| "--:--".to_owned(), |at| at.strftime("%H:%M").to_string())
}

/// The day, where the user is.
pub(super) fn day(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(String::new, |at| at.strftime("%a %-d %b %Y").to_string())
}

/// When something was written, seen from `now`: with the day if that is another one.
pub(super) fn written(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    if day(at, zone) == day(now, zone) {
        time(at, zone)
    } else {
        zoned(at, zone).map_or_else(String::new, |at| at.strftime("%-d %b %H:%M").to_string())
    }
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.as_millis()).ok()?).ok()?;
    Some(at.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_and_name_the_day_if_needed() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let noon = Timestamp::from_secs(1_767_268_800);
        assert_eq!(time(noon, &zone), "14:00");
        assert_eq!(day(noon, &zone), "Thu 1 Jan 2026");
        assert_eq!(written(noon, noon.after(Duration::from_secs(60)), &zone), "14:00");
        assert_eq!(written(noon, noon.after(Duration::from_secs(86_400)), &zone), "1 Jan 14:00");
        assert_eq!(time(Timestamp::from_millis(u64::MAX), &zone), "--:--");
    }

    #[test]
    fn durations_are_round() {
        assert_eq!(duration(Duration::from_secs(119)), "119 s");
        assert_eq!(duration(Duration::from_secs(7_199)), "119 min");
        assert_eq!(duration(Duration::from_secs(86_400)), "24 h");
        assert_eq!(duration(Duration::from_secs(260_000)), "3 days");
        assert_eq!((count(1, "text"), count(2, "text")), ("1 text".to_owned(), "2 texts".to_owned()));
    }
}
