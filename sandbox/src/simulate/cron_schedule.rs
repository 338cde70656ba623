//! Cron schedules: five fields (minute, hour, day of month, month, day of week) with lists, ranges, steps and names, and
//! the short forms `@hourly` and so on. Times are UTC. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A parsed schedule: a bit for each allowed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Neither day field is `*`: a day that matches one of them is enough.
    either_day: bool,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    /// Reads a schedule; says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            let found = fields.len();
            return Err(format!(
                "expected exactly 5 fields, found {found}: [{text}]"
            ));
        };
        let weekdays = field(weekday, 0, 7, &WEEKDAYS, 0)?;
        let every = |f: &str| f.starts_with('*') || f.starts_with('?');
        Ok(Self {
            minutes: field(minute, 0, 59, &[], 0)?,
            hours: field(hour, 0, 23, &[], 0)?,
            days: field(day, 1, 31, &[], 0)?,
            months: field(month, 1, 12, &MONTHS, 1)?,
            // Sunday is 0 and 7.
            weekdays: weekdays | (weekdays >> 7),
            either_day: !every(day) && !every(weekday),
        })
    }

    /// The first time after this one; none within five years means never.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let civil = after.to_zoned(TimeZone::UTC).datetime();
        let mut day = civil.date();
        let mut from = Some((civil.hour(), civil.minute()));
        for _ in 0..366 * 5 {
            if self.allows(
                day.month(),
                day.day(),
                day.weekday().to_sunday_zero_offset(),
            ) {
                for hour in (0..24_i8).filter(|h| has(self.hours, *h)) {
                    for minute in (0..60_i8).filter(|m| has(self.minutes, *m)) {
                        if from.is_none_or(|now| (hour, minute) > now) {
                            return timestamp(day.at(hour, minute, 0, 0));
                        }
                    }
                }
            }
            from = None;
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn allows(&self, month: i8, day: i8, weekday: i8) -> bool {
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        let day = match self.either_day {
            true => by_day || by_weekday,
            false => by_day && by_weekday,
        };
        day && has(self.months, month)
    }
}

fn timestamp(civil: DateTime) -> Option<Timestamp> {
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1)
}

fn field(text: &str, least: u32, most: u32, names: &[&str], base: usize) -> Result<u64, String> {
    let mut bits = 0;
    for part in text.split(',') {
        bits |= range(part, least, most, names, base)?;
    }
    Ok(bits)
}

fn range(part: &str, least: u32, most: u32, names: &[&str], base: usize) -> Result<u64, String> {
    let (range, step) = part.split_once('/').unwrap_or((part, "1"));
    let value = |text: &str| -> Result<u32, String> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = names.iter().position(|n| *n == lower) {
            return u32::try_from(at + base).map_err(|e| e.to_string());
        }
        text.parse()
            .map_err(|error| format!("failed to parse int from {text}: {error}"))
    };
    let step: u32 = match value(step)? {
        0 => return Err(format!("step of range should be a positive number: {part}")),
        step => step,
    };
    let (first, last) = match range {
        "*" | "?" => (least, most),
        _ => match range.split_once('-') {
            Some((first, last)) => (value(first)?, value(last)?),
            None if part.contains('/') => (value(range)?, most),
            None => (value(range)?, value(range)?),
        },
    };
    if first < least {
        return Err(format!(
            "beginning of range ({first}) below minimum ({least}): {part}"
        ));
    }
    if last > most {
        return Err(format!(
            "end of range ({last}) above maximum ({most}): {part}"
        ));
    }
    if first > last {
        return Err(format!(
            "beginning of range ({first}) beyond end of range ({last}): {part}"
        ));
    }
    let mut bits = 0;
    let mut at = first;
    while at <= last {
        bits |= 1_u64 << at;
        at += step;
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_found() {
        for (schedule, after, wanted) in [
            (
                "*/5 * * * *",
                "2025-01-01T00:01:00Z",
                "2025-01-01T00:05:00Z",
            ),
            ("0 3 * * *", "2025-01-01T03:00:00Z", "2025-01-02T03:00:00Z"),
            (
                "30 4 1 * mon",
                "2025-01-01T04:30:00Z",
                "2025-01-06T04:30:00Z",
            ),
            ("0 0 29 2 *", "2025-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            (
                "15,45 8-10 * jan-mar 1-5",
                "2025-03-31T10:45:30Z",
                "2026-01-01T08:15:00Z",
            ),
            ("@hourly", "2025-12-31T23:00:01Z", "2026-01-01T00:00:00Z"),
            ("0 12 * * 7", "2025-01-01T00:00:00Z", "2025-01-05T12:00:00Z"),
            (
                "10-20/5 0 * * *",
                "2025-01-01T00:15:00Z",
                "2025-01-01T00:20:00Z",
            ),
        ] {
            let parsed = Schedule::parse(schedule).expect(schedule);
            let after = after.parse().expect("a time");
            let next = parsed.next(after).map(|t| t.to_string());
            assert_eq!(next.as_deref(), Some(wanted), "{schedule}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "x * * * *",
            "0 0 0 * *",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Schedule::parse("0 0 30 2 *")
                .expect("readable")
                .next(Timestamp::UNIX_EPOCH),
            None
        );
    }
}
