//! Two user agents against each other, and one against a scripted peer.

mod calls;
mod challenges;
mod chaos;
mod ends;
mod loss;
mod pair;
mod redirects;
mod refers;
mod reliable;
mod reoffers;
mod script;
mod scripted;
mod sessions;
mod storms;
mod table;
mod updates;
