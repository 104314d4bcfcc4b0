//! What can be looked at, one file each.

pub(crate) mod bulk;
pub(crate) mod letters;
pub(crate) mod messages;
pub(crate) mod monitor;
pub(crate) mod simulation;
pub(crate) mod stream;

mod figures;
mod plots;
