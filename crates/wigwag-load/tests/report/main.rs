//! What remains of a run says what was: texts and files, made from made-up outcomes and read back.

mod comparison;
mod files;
mod ledger;
mod page;
mod sample;
mod text;
