//! A connection against the text of the RFCs, by section; then properties, two endpoints wired to each other, and a second
//! implementation as oracle.

mod closing;
mod compression;
mod control;
mod fragmentation;
mod framing;
mod half_open;
mod masking;
mod oracle;
mod pieces;
mod properties;
mod sending;
mod support;
mod text;
