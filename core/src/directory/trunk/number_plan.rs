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
    /// What is dialled before the code of a place; `0` by default, empty where national numbers are
    /// dialled as they are.
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

/// The code of North America, whose numbers all have ten digits, the code of the place its first
/// three: so each way to write one can be told from the others, whatever the prefix.
const NORTH_AMERICA: &str = "1";

/// The shortest national number where none has a prefix: shorter ones are local or internal.
const SHORTEST_NATIONAL: usize = 6;

/// The longest national number where none has a prefix: a longer one that begins with the country's
/// code has nothing but its plus left out.
const LONGEST_NATIONAL: usize = 10;

/// Services are dialled alike from everywhere and belong to no place: 110, 116116, 11833.
fn is_service(digits: &str) -> bool {
    digits.len() <= 3 || (digits.starts_with("11") && digits.len() <= 6)
}

impl NumberPlan {
    /// The number in E.164 form, where that is certain: with a plus, with the international prefix,
    /// or, where the country is known, with the national prefix. Where there is none, and in North
    /// America, by its length: `14235550000` and `4235550000` are `+14235550000`, `5550000` is no
    /// whole number.
    #[must_use]
    pub fn to_e164(&self, text: &str) -> Option<String> {
        let text = number::without_separators(text);
        let number = if text.starts_with('+') {
            text
        } else if let Some(rest) = after(&text, &self.international_prefix) {
            format!("+{rest}")
        } else {
            let country = self.country_code.as_deref()?;
            format!("+{country}{}", self.national(country, &text)?)
        };
        number::check_e164(&number).is_ok().then_some(number)
    }

    /// What follows the country's code in E.164.
    fn national<'a>(&self, country: &str, text: &'a str) -> Option<&'a str> {
        if country == NORTH_AMERICA {
            let rest = match text.len() {
                10 => text,
                11 => after(text, NORTH_AMERICA)?,
                _ => return None,
            };
            return Some(rest);
        }
        if !self.national_prefix.is_empty() {
            return after(text, &self.national_prefix);
        }
        let whole = after(text, country).filter(|_| text.len() > LONGEST_NATIONAL);
        whole.or_else(|| (text.len() >= self.shortest_national()).then_some(text))
    }

    /// Where there are codes of places, numbers without one are shorter than those with.
    fn shortest_national(&self) -> usize {
        let area = self.area_code.as_ref().map_or(0, String::len);
        SHORTEST_NATIONAL + area
    }

    /// A number within the place, in E.164 form.
    fn local(&self, digits: &str) -> Option<String> {
        let (country, area) = (self.country_code.as_deref()?, self.area_code.as_deref()?);
        let fits = country != NORTH_AMERICA || area.len() + digits.len() == 10;
        let number = format!("+{country}{area}{digits}");
        (fits && number::check_e164(&number).is_ok()).then_some(number)
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
        match self.to_e164(&plain).or_else(|| self.local(&plain)) {
            Some(number) => self.write(&number),
            None => dialled.to_owned(),
        }
    }

    /// A caller's public number, as the carrier wants it written. Do not ask for internal numbers:
    /// they belong to no place, and some look like national ones.
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
        let Some(country) = self.country_code.as_deref() else {
            return number.to_owned();
        };
        let plus = format!("+{number}");
        let bare = |least| {
            self.format == NumberFormat::E164WithoutPlus
                && number.starts_with(country)
                && number.len() >= least
                && number::check_e164(&plus).is_ok()
        };
        if bare(LONGEST_NATIONAL) {
            return plus;
        }
        match self.to_e164(number) {
            Some(e164) => e164,
            None if bare(SHORTEST_NATIONAL) => plus,
            None => number.to_owned(),
        }
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

/// What follows `prefix`; neither may be empty.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix)?;
    (!prefix.is_empty() && !rest.is_empty()).then_some(rest)
}
