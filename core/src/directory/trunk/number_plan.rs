//! How a carrier writes numbers, and how people around it dial them.

use serde::{Deserialize, Serialize};

use crate::number;

/// How numbers are written to a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// As they were dialled.
    #[default]
    AsDialled,
    /// `+493012345`.
    E164,
    /// `493012345`.
    E164WithoutPlus,
    /// `03012345` at home, `004412345` abroad.
    National,
}

/// What it takes to turn one way of writing a number into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NumberPlan {
    /// How numbers are written to the carrier.
    pub format: NumberFormat,
    /// The country's code without plus: `49`. Without one national forms are left alone.
    pub country_code: Option<String>,
    /// The code of the place, without the national prefix: `30`. Without one local numbers are left
    /// alone.
    pub area_code: Option<String>,
    /// What is dialled before a country's code; `00` by default.
    pub international_prefix: String,
    /// What is dialled before the code of a place; `0` by default, empty in some countries.
    pub national_prefix: String,
}

impl Default for NumberPlan {
    fn default() -> Self {
        Self {
            format: NumberFormat::default(),
            country_code: None,
            area_code: None,
            international_prefix: "00".to_owned(),
            national_prefix: "0".to_owned(),
        }
    }
}

/// Services are dialled alike from everywhere and belong to no place: 110, 116116, 11833.
fn is_service(digits: &str) -> bool {
    digits.len() <= 3 || (digits.starts_with("11") && digits.len() <= 6)
}

impl NumberPlan {
    /// The number in E.164 form, where that is certain: with a plus, with the international prefix,
    /// or with the national prefix where the country is known.
    #[must_use]
    pub fn to_e164(&self, text: &str) -> Option<String> {
        let text = number::without_separators(text);
        let number = if text.starts_with('+') {
            text
        } else if let Some(rest) = after(&text, &self.international_prefix) {
            format!("+{rest}")
        } else {
            let country = self.country_code.as_deref()?;
            let rest = after(&text, &self.national_prefix)?;
            format!("+{country}{rest}")
        };
        number::check_e164(&number).is_ok().then_some(number)
    }

    /// What a carrier may have meant by this number, in E.164 form, the likeliest first: carriers
    /// leave out the plus, or the country's code.
    #[must_use]
    pub fn meanings(&self, text: &str) -> Vec<String> {
        let digits = number::without_separators(text);
        let mut meanings: Vec<String> = self.to_e164(text).into_iter().collect();
        meanings.extend(number::to_e164(text));
        if let Some(country) = &self.country_code {
            meanings.push(format!("+{country}{digits}"));
            if let Some(area) = &self.area_code {
                meanings.push(format!("+{country}{area}{digits}"));
            }
        }
        meanings.retain(|number| number::check_e164(number).is_ok());
        meanings.dedup();
        meanings
    }

    /// A number we call, as the carrier wants it written. What cannot be converted with certainty
    /// goes as it was dialled, service numbers always do.
    #[must_use]
    pub fn called(&self, dialled: &str) -> String {
        let plain = number::without_separators(dialled);
        if self.format == NumberFormat::AsDialled || is_service(&plain) {
            return dialled.to_owned();
        }
        let local = || {
            let all = plain.bytes().all(|byte| byte.is_ascii_digit());
            let (country, area) = (self.country_code.as_ref()?, self.area_code.as_ref()?);
            let number = format!("+{country}{area}{plain}");
            (all && number::check_e164(&number).is_ok()).then_some(number)
        };
        match self.to_e164(&plain).or_else(local) {
            Some(number) => self.write(&number),
            None => dialled.to_owned(),
        }
    }

    /// A caller's number, as the carrier wants it written. Internal numbers stay as they are: they
    /// belong to no place.
    #[must_use]
    pub fn calling(&self, number: &str) -> String {
        match self.to_e164(number) {
            Some(e164) if self.format != NumberFormat::AsDialled => self.write(&e164),
            _ => number.to_owned(),
        }
    }

    /// The number of a caller from outside, as it is shown here: in E.164 form where that is certain.
    #[must_use]
    pub fn shown(&self, number: &str) -> String {
        let country = self.country_code.as_deref();
        if let Some(e164) = country.and_then(|_| self.to_e164(number)) {
            return e164;
        }
        let without_plus = self.format == NumberFormat::E164WithoutPlus
            && country.is_some_and(|country| number.starts_with(country));
        let plus = format!("+{number}");
        if without_plus && number::check_e164(&plus).is_ok() {
            return plus;
        }
        number.to_owned()
    }

    fn write(&self, e164: &str) -> String {
        let digits = e164.trim_start_matches('+');
        match self.format {
            NumberFormat::AsDialled | NumberFormat::E164 => e164.to_owned(),
            NumberFormat::E164WithoutPlus => digits.to_owned(),
            NumberFormat::National => {
                let home = self.country_code.as_deref();
                match home.and_then(|country| after(digits, country)) {
                    Some(rest) => format!("{}{rest}", self.national_prefix),
                    None => format!("{}{digits}", self.international_prefix),
                }
            }
        }
    }
}

/// What follows `prefix`; nothing may be left out, and an empty prefix stands before anything.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}
