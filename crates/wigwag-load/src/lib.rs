//! A load tester that proves that nothing was lost: a [`Plan`] goes in, [`Snapshot`]s come out, a [`RunHandle`] stops it,
//! and at the end an [`Outcome`] says whether every message was answered, once, in order, unaltered and in time.
//!
//! It works against any WebSocket server. It shares the protocol and the socket layer with wigwag's server and nothing
//! else of it: a tester that shares the server's code hides its bugs. Absent on purpose: flags and terminals.
//! Those who show a run are built on this.
//!
//! | module | is |
//! |---|---|
//! | [`plan`] | what a person asks for, and its check |
//! | [`account`] | the classes that every message and every arrival falls into, and the two equations |
//! | [`latency`] | histograms: exact ones, and coarse ones for a heat map |
//! | [`snapshot`] | a running run as it is now |
//! | [`outcome`] | a finished run: verdict, equations, figures; what the JSON report holds |
//! | [`report`] | what remains of it: texts and files |

pub mod account;
pub mod latency;
pub mod outcome;
pub mod plan;
pub mod report;
pub mod search;
pub mod snapshot;

mod control;
mod descriptors;
mod environment;
mod faults;
mod health;
mod ledger;
mod payload;
pub mod run;
mod seconds;
mod shape;
mod timeline;
mod verdict;
mod worker;

pub use account::{Account, Class};
pub use latency::{Heat, Latency};
pub use outcome::{Outcome, Verdict};
pub use plan::{CheckedPlan, Plan, PlanError};
pub use run::{Run, RunHandle, StartError};
pub use snapshot::Snapshot;
