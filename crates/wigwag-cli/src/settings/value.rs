//! Text to value and back. All sources give text; each type has one way to be written, whatever the source.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The type of a setting: a [`Scalar`], an optional one, or a list.
pub(super) trait Value: Sized {
    const METAVAR: &'static str;
    const MANY: bool = false;
    const SWITCH: bool = false;
    const TABULAR: bool = false;
    /// What is accepted; `{absent}` stands for the word that means `None`.
    fn expected() -> String;
    fn read(texts: &[String], context: &Reading<'_>) -> Result<Self, Refused>;
    fn texts(&self, absent: &str) -> Vec<String>;
}

/// A single value.
pub(crate) trait Scalar: Sized {
    const METAVAR: &'static str;
    const SWITCH: bool = false;
    /// May be a table in the file; see [`super::routes`].
    const TABULAR: bool = false;
    fn form() -> String;
    fn parse(text: &str) -> Result<Self, Refused>;
    fn text(&self) -> String;
    /// What a range is compared with.
    fn amount(&self) -> Option<u64> {
        None
    }
    /// The bound of a range as it would be written.
    fn amount_text(amount: u64) -> String {
        amount.to_string()
    }
    /// Relative paths in a file are relative to the file.
    fn anchored(self, _directory: &Path) -> Self {
        self
    }
}

/// What reading a value depends on besides its text.
pub(super) struct Reading<'a> {
    pub(super) range: Option<&'a RangeInclusive<u64>>,
    /// The word for `None`.
    pub(super) absent: &'a str,
    /// The directory of the file that the text stands in.
    pub(super) directory: Option<&'a Path>,
}

/// Why a text is not a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not of the form that the type expects.
    Form,
    /// Refused for a particular reason, which says what to write instead.
    Reason(String),
}

impl<T: Scalar> Value for T {
    const METAVAR: &'static str = T::METAVAR;
    const SWITCH: bool = T::SWITCH;
    const TABULAR: bool = T::TABULAR;

    fn expected() -> String {
        T::form()
    }

    fn read(texts: &[String], context: &Reading<'_>) -> Result<Self, Refused> {
        match texts {
            [text] => read_one(text, context),
            _ => Err(Refused::Form),
        }
    }

    fn texts(&self, _absent: &str) -> Vec<String> {
        vec![self.text()]
    }
}

impl<T: Scalar> Value for Option<T> {
    const METAVAR: &'static str = T::METAVAR;

    fn expected() -> String {
        format!("{} or `{{absent}}`", T::form())
    }

    fn read(texts: &[String], context: &Reading<'_>) -> Result<Self, Refused> {
        match texts {
            [text] if text == context.absent => Ok(None),
            [text] => read_one(text, context).map(Some),
            _ => Err(Refused::Form),
        }
    }

    fn texts(&self, absent: &str) -> Vec<String> {
        vec![self.as_ref().map_or_else(|| absent.to_owned(), T::text)]
    }
}

impl<T: Scalar> Value for Vec<T> {
    const METAVAR: &'static str = T::METAVAR;
    const MANY: bool = true;
    const TABULAR: bool = T::TABULAR;

    fn expected() -> String {
        T::form()
    }

    /// One variable or flag may hold several values with commas between them: no value of a list contains one.
    fn read(texts: &[String], context: &Reading<'_>) -> Result<Self, Refused> {
        let items = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| read_one(item, context)).collect()
    }

    fn texts(&self, _absent: &str) -> Vec<String> {
        self.iter().map(T::text).collect()
    }
}

fn read_one<T: Scalar>(text: &str, context: &Reading<'_>) -> Result<T, Refused> {
    let value = T::parse(text.trim())?;
    if let (Some(range), Some(amount)) = (context.range, value.amount())
        && !range.contains(&amount)
    {
        let (least, most) = (T::amount_text(*range.start()), T::amount_text(*range.end()));
        return Err(Refused::Reason(format!("expected {}, from {least} to {most}", T::form())));
    }
    Ok(match context.directory {
        Some(directory) => value.anchored(directory),
        None => value,
    })
}

impl Scalar for u32 {
    const METAVAR: &'static str = "N";

    fn form() -> String {
        "a whole number".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        text.replace('_', "").parse().map_err(|_| Refused::Form)
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn amount(&self) -> Option<u64> {
        Some(u64::from(*self))
    }
}

impl Scalar for bool {
    const METAVAR: &'static str = "on|off";
    const SWITCH: Self = true;

    fn form() -> String {
        "on or off".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        match text {
            "on" | "true" => Ok(true),
            "off" | "false" => Ok(false),
            _ => Err(Refused::Form),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Scalar for Duration {
    const METAVAR: &'static str = "TIME";

    fn form() -> String {
        "a time such as 250ms, 10s or 1m 30s".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        humantime::parse_duration(text).map_err(|_| Refused::Form)
    }

    fn text(&self) -> String {
        humantime::format_duration(*self).to_string()
    }

    /// Rounded up, so that a microsecond is not taken for nothing at all.
    fn amount(&self) -> Option<u64> {
        u64::try_from(self.as_nanos().div_ceil(1_000_000)).ok()
    }

    fn amount_text(amount: u64) -> String {
        Self::from_millis(amount).text()
    }
}

impl Scalar for SocketAddr {
    const METAVAR: &'static str = "ADDR:PORT";

    fn form() -> String {
        "ADDR:PORT such as 127.0.0.1:8765 or [::1]:8765".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let hint = |address: String| Refused::Reason(format!("expected {}; write {address}?", Self::form()));
        text.parse().map_err(|_| match text.rsplit_once(':') {
            None if text.parse::<u16>().is_ok() => hint(format!("127.0.0.1:{text}")),
            Some(("", port)) if port.parse::<u16>().is_ok() => hint(format!("0.0.0.0:{port}")),
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => hint(format!("127.0.0.1:{port}")),
            _ => Refused::Form,
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Scalar for PathBuf {
    const METAVAR: &'static str = "FILE";

    fn form() -> String {
        "the path of a file".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        if text.is_empty() { Err(Refused::Form) } else { Ok(Self::from(text)) }
    }

    fn text(&self) -> String {
        self.display().to_string()
    }

    fn anchored(self, directory: &Path) -> Self {
        directory.join(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Reading<'_> = Reading { range: None, absent: "off", directory: None };

    fn read<T: Value>(texts: &[&str], context: &Reading<'_>) -> Result<T, Refused> {
        T::read(&texts.iter().map(ToString::to_string).collect::<Vec<_>>(), context)
    }

    #[test]
    fn lists_take_repeats_and_commas() {
        let numbers = read::<Vec<u32>>(&["1, 2", "3", ""], &PLAIN).expect("three numbers");
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn absence_has_its_own_word() {
        assert_eq!(read::<Option<u32>>(&["off"], &PLAIN), Ok(None));
        assert_eq!(read::<Option<u32>>(&["7"], &PLAIN), Ok(Some(7)));
        assert_eq!(read::<Option<u32>>(&["none"], &PLAIN), Err(Refused::Form));
    }

    #[test]
    fn out_of_range_says_the_range() {
        let range = 1..=60_000;
        let context = Reading { range: Some(&range), ..PLAIN };
        let Err(Refused::Reason(reason)) = read::<Duration>(&["2m"], &context) else { panic!("2m is out of range") };
        assert_eq!(reason, "expected a time such as 250ms, 10s or 1m 30s, from 1ms to 1m");
        assert!(read::<Duration>(&["0s"], &context).is_err());
        assert!(read::<Duration>(&["300000 years"], &context).is_err());
        assert!(read::<Duration>(&["1us"], &context).is_ok());
    }

    #[test]
    fn paths_in_a_file_are_relative_to_it() {
        let context = Reading { directory: Some(Path::new("/etc/wigwag")), ..PLAIN };
        assert_eq!(read::<PathBuf>(&["cert.pem"], &context), Ok(PathBuf::from("/etc/wigwag/cert.pem")));
        assert_eq!(read::<PathBuf>(&["/cert.pem"], &context), Ok(PathBuf::from("/cert.pem")));
    }

    #[test]
    fn port_alone_is_answered_with_the_address_to_write() {
        let Err(Refused::Reason(reason)) = read::<SocketAddr>(&["8765"], &PLAIN) else { panic!("no address") };
        assert!(reason.ends_with("write 127.0.0.1:8765?"), "{reason}");
    }
}
