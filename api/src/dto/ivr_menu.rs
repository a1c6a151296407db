//! Menus over the wire.

use std::collections::BTreeMap;

use offhook_core::IvrMenuId;
use offhook_core::directory::{Destination, Dialable, Directory, IvrMenu, MenuAction};
use offhook_sounds::Language;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::{Checks, whole_seconds};
use crate::dto::destination::{DestinationDto, DestinationType};
use crate::error::ApiResult;

/// What a choice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MenuActionType {
    /// The call goes to a destination.
    #[default]
    Go,
    /// The menu is spoken again.
    Repeat,
    /// The caller hears a good-bye and the call ends.
    HangUp,
}

/// What a choice does, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MenuAction)]
pub struct MenuActionDto {
    /// What it does.
    #[serde(default)]
    pub action: MenuActionType,
    /// For `go`: what kind of thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_type: Option<DestinationType>,
    /// For `go`: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_id: Option<String>,
}

impl MenuActionDto {
    fn of(action: &MenuAction) -> Self {
        let plain = |action| Self {
            action,
            destination_type: None,
            destination_id: None,
        };
        match action {
            MenuAction::Go(destination) => {
                let destination = DestinationDto::of(destination);
                Self {
                    action: MenuActionType::Go,
                    destination_type: Some(destination.destination_type),
                    destination_id: destination.destination_id,
                }
            }
            MenuAction::Repeat => plain(MenuActionType::Repeat),
            MenuAction::HangUp => plain(MenuActionType::HangUp),
        }
    }

    fn read(&self, field: &str, directory: &Directory, checks: &mut Checks) -> Option<MenuAction> {
        let action = match self.action {
            MenuActionType::Repeat => MenuAction::Repeat,
            MenuActionType::HangUp => MenuAction::HangUp,
            MenuActionType::Go => return self.read_go(field, directory, checks),
        };
        checks.require(
            self.destination_type.is_none() && self.destination_id.is_none(),
            &format!("{field}destination_type"),
            "must be absent for this action",
        );
        Some(action)
    }

    fn read_go(
        &self,
        field: &str,
        directory: &Directory,
        checks: &mut Checks,
    ) -> Option<MenuAction> {
        let Some(destination_type) = self.destination_type else {
            checks.wrong(format!("{field}destination_type"), "is missing");
            return None;
        };
        let destination = DestinationDto {
            destination_type,
            destination_id: self.destination_id.clone(),
        };
        destination
            .read(field, directory, checks)
            .map(MenuAction::Go)
    }
}

/// A menu that answers, speaks and listens for digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = IvrMenu)]
pub struct IvrMenuView {
    /// Its id.
    #[schema(value_type = String, example = "menu_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: IvrMenuId,
    /// What can be set.
    #[serde(flatten)]
    pub settings: IvrMenuSettings,
}

/// What can be set of a menu. Durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IvrMenuSettings {
    /// What operators call it.
    #[schema(example = "Main menu")]
    pub name: String,
    /// The number it answers at; null: it cannot be dialled.
    #[serde(default)]
    #[schema(example = "300")]
    pub extension: Option<String>,
    /// The prompt that lists the choices, by its id.
    #[schema(example = "menu/main")]
    pub prompt: String,
    /// The language that calls which come through here are spoken to in; null: as before.
    #[serde(default)]
    #[schema(example = "de")]
    pub language: Option<String>,
    /// What each digit does: keys are `0` to `9`, `*` and `#`.
    #[serde(default)]
    pub choices: BTreeMap<String, MenuActionDto>,
    /// Whether an extension's number may be dialled.
    #[serde(default)]
    pub dial_extension: bool,
    /// How long to wait for the first digit after the prompt.
    #[serde(default = "first_digit_timeout")]
    #[schema(default = 5, minimum = 1)]
    pub first_digit_timeout: u32,
    /// How long to wait for the next digit of a number.
    #[serde(default = "inter_digit_timeout")]
    #[schema(default = 3, minimum = 1)]
    pub inter_digit_timeout: u32,
    /// How often the menu is repeated after a wrong or missing choice.
    #[serde(default = "retries")]
    #[schema(default = 2, maximum = 20)]
    pub retries: u32,
    /// What happens when all tries are used up.
    #[serde(default = "hang_up")]
    pub on_failure: MenuActionDto,
}

fn first_digit_timeout() -> u32 {
    5
}

fn inter_digit_timeout() -> u32 {
    3
}

fn retries() -> u32 {
    2
}

fn hang_up() -> MenuActionDto {
    MenuActionDto::of(&MenuAction::HangUp)
}

impl IvrMenuView {
    /// How a menu is shown.
    #[must_use]
    pub fn of(menu: &IvrMenu) -> Self {
        Self {
            id: menu.id,
            settings: IvrMenuSettings::of(menu),
        }
    }
}

impl IvrMenuSettings {
    /// What would make this menu again.
    #[must_use]
    pub fn of(menu: &IvrMenu) -> Self {
        let choices = menu.choices.iter();
        Self {
            name: menu.name.clone(),
            extension: menu.extension.clone(),
            prompt: menu.prompt.clone(),
            language: menu.language.clone(),
            choices: choices
                .map(|(digit, action)| (digit.to_string(), MenuActionDto::of(action)))
                .collect(),
            dial_extension: menu.dial_extension,
            first_digit_timeout: whole_seconds(menu.first_digit_timeout),
            inter_digit_timeout: whole_seconds(menu.inter_digit_timeout),
            retries: menu.retries,
            on_failure: MenuActionDto::of(&menu.on_failure),
        }
    }

    /// The menu these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or whose number it is already.
    pub fn build(self, old: Option<&IvrMenu>, directory: &Directory) -> ApiResult<IvrMenu> {
        let id = old.map_or_else(IvrMenuId::random, |old| old.id);
        let mut checks = Checks::default();
        checks.name("name", &self.name);
        if let Some(number) = &self.extension {
            let own = Some(Dialable::IvrMenu(id));
            checks.internal_number("extension", number, directory, own)?;
        }
        checks.require(
            offhook_sounds::prompt(Language::En, &self.prompt).is_some()
                || directory.prompt_named(&self.prompt).is_some(),
            "prompt",
            "is not the id of a prompt of this server",
        );
        checks.require(
            self.language
                .as_deref()
                .is_none_or(|tag| tag.parse::<Language>().is_ok()),
            "language",
            "is not a language of this server",
        );
        let choices = self.read_choices(directory, &mut checks);
        let first_digit_timeout =
            checks.seconds("first_digit_timeout", self.first_digit_timeout, 1);
        let inter_digit_timeout =
            checks.seconds("inter_digit_timeout", self.inter_digit_timeout, 1);
        checks.at_most("retries", self.retries, 20);
        let on_failure = self.on_failure.read("on_failure.", directory, &mut checks);
        checks.require(
            on_failure != Some(MenuAction::Repeat),
            "on_failure.action",
            "must not be repeat: a silent caller would be kept for ever",
        );
        let itself = |action: &MenuAction| *action == MenuAction::Go(Destination::IvrMenu(id));
        checks.require(
            !on_failure.as_ref().is_some_and(itself),
            "on_failure.destination_id",
            "must not be this menu: a silent caller would be kept for ever",
        );
        checks.finish()?;
        Ok(IvrMenu {
            id,
            name: self.name,
            extension: self.extension,
            prompt: self.prompt,
            language: self.language,
            choices,
            dial_extension: self.dial_extension,
            first_digit_timeout,
            inter_digit_timeout,
            retries: self.retries,
            on_failure: on_failure.unwrap_or(MenuAction::HangUp),
        })
    }

    fn read_choices(
        &self,
        directory: &Directory,
        checks: &mut Checks,
    ) -> BTreeMap<char, MenuAction> {
        let mut choices = BTreeMap::new();
        for (key, action) in &self.choices {
            let field = format!("choices.{key}");
            let mut characters = key.chars();
            let digit = characters.next().filter(|_| characters.next().is_none());
            let digit = digit.filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#'));
            let action = action.read(&format!("{field}."), directory, checks);
            match (digit, action) {
                (Some(digit), Some(action)) => {
                    choices.insert(digit, action);
                }
                (None, _) => checks.wrong(field, "must be one of 0 to 9, * and #"),
                (Some(_), None) => {}
            }
        }
        choices
    }
}
