//! The configuration file. Owned by the command line; see [`Config`].
