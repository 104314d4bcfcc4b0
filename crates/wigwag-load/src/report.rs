//! What remains of a run: texts and files made from an [`Outcome`](crate::Outcome).
//!
//! | module | is |
//! |---|---|
//! | [`summary`] | the text at the end |
//! | [`html`] | one offline file with everything |
//! | [`json`] | the outcome itself, written and read back |
//! | [`csv`] | the time line |
//! | [`hdr`] | the latencies as an HdrHistogram log |
//! | [`ledger`], [`verify`] | a line per message, and the check of such a file |
//! | [`compare`] | two runs side by side |
//! | [`words`], [`equation`], [`faults`], [`command`] | numbers, equations, faults and commands as people read them |
//!
//! Everything writes to a `Write` or returns a `String`; which files, and where, is the caller's business. No clock, no
//! terminal, no environment.

pub mod command;
pub mod compare;
pub mod csv;
pub mod equation;
pub mod faults;
pub mod hdr;
pub mod html;
pub mod json;
pub mod ledger;
pub mod summary;
pub mod verify;
pub mod words;
