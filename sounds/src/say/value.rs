//! What can be said besides numbers: dates, times of day, amounts of money.

/// A day of the Gregorian calendar, from 1583 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, if there is such a day. Months and days are counted from 1.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        let exists = (1583..=9999).contains(&year) && (1..=days).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> u16 {
        self.year
    }

    /// Its month, from 1.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }

    /// Its day of the month, from 1.
    #[must_use]
    pub fn day(self) -> u8 {
        self.day
    }

    /// Its day of the week, from 1 for Monday (ISO 8601). By Zeller's congruence.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // January and February belong to the year before, so that the odd day comes last.
        let (year, month) = match self.month {
            1 | 2 => (u32::from(self.year) - 1, u32::from(self.month) + 12),
            month => (u32::from(self.year), u32::from(month)),
        };
        let days =
            u32::from(self.day) + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400;
        // Zeller counts from Saturday.
        u8::try_from((days + 5) % 7 + 1).unwrap_or(1)
    }
}

/// A time of day to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

impl TimeOfDay {
    /// The time, if there is such a time: 0:00 to 23:59.
    #[must_use]
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self { hour, minute })
    }

    /// Its hour, 0 to 23.
    #[must_use]
    pub fn hour(self) -> u8 {
        self.hour
    }

    /// Its minute.
    #[must_use]
    pub fn minute(self) -> u8 {
        self.minute
    }
}

/// A currency that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Currency {
    /// Euro and cents.
    Eur,
    /// US dollars and cents.
    Usd,
    /// Pounds sterling and pence.
    Gbp,
    /// Swiss francs and rappen.
    Chf,
}

impl Currency {
    /// Every currency.
    pub const ALL: &[Self] = &[Self::Eur, Self::Usd, Self::Gbp, Self::Chf];
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// In this currency.
    pub currency: Currency,
    /// In hundredths, negative for a debt.
    pub cents: i64,
}

impl Money {
    /// The whole units and the hundredths, without the sign; as much as can be said of an amount
    /// nobody has.
    pub(super) fn parts(self) -> (u32, u32) {
        let cents = self.cents.unsigned_abs();
        let whole = u32::try_from(cents / 100).unwrap_or(u32::MAX);
        (whole, u32::try_from(cents % 100).unwrap_or(0))
    }
}
