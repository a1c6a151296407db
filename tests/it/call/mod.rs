//! Extensions, menus, hold, and what networks lose.
