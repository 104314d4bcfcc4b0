//! What can be typed: commands by clap's derive, the flags of the settings from their one declaration.

use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand};

use crate::load::LoadArgs;
use crate::settings::{SETTINGS, Setting};
use crate::try_clients::TryArgs;

/// Real-time messaging over WebSocket in one binary
#[derive(Parser)]
#[command(name = "wigwag", version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve echo, random, stream and letters over WebSocket
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Talk to a service with a ready-made client
    #[command(after_help = TRY_EXAMPLES)]
    Try(TryArgs),
    /// Load a server, and prove that nothing was lost
    Load(Box<LoadArgs>),
    /// Print the effective configuration, or check a file
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell that is to read it
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// Check FILE alone, without flags and variables, and say whether it is valid
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub(crate) check: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// The flags that were given, as text: checking them is the settings' business, whatever the source.
#[derive(Default)]
pub(crate) struct SettingArgs {
    /// `--config FILE`
    pub(crate) config: Option<PathBuf>,
    flags: Vec<(String, Vec<String>)>,
}

impl SettingArgs {
    /// As if nothing but `--config FILE` had been typed.
    pub(crate) fn only_file(file: PathBuf) -> Self {
        Self { config: Some(file), flags: Vec::new() }
    }

    /// The values given for `setting` by its flag.
    pub(crate) fn values(&self, setting: &Setting) -> Option<&[String]> {
        let flag = setting.flag();
        self.flags.iter().find(|(name, _)| *name == flag).map(|(_, values)| values.as_slice())
    }
}

impl Args for SettingArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = clap::Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file to read settings from (WIGWAG_CONFIG)");
        command.arg(config).args(SETTINGS.iter().map(flag))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = |setting: &Setting| {
            let flag = setting.flag();
            let values = matches.get_many::<String>(&flag)?.cloned().collect();
            Some((flag, values))
        };
        let config = matches.get_one::<PathBuf>("config").cloned();
        Ok(Self { config, flags: SETTINGS.iter().filter_map(values).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(setting: &Setting) -> clap::Arg {
    let name = setting.flag();
    let default = if setting.default.is_empty() { "none" } else { setting.default };
    let arg = clap::Arg::new(name.clone())
        .long(name)
        .value_name(setting.metavar)
        .help(format!("{} [default: {default}]", setting.help()))
        .help_heading(setting.heading())
        .action(if setting.many { ArgAction::Append } else { ArgAction::Set });
    if setting.switch { arg.num_args(0..=1).default_missing_value("on") } else { arg }
}

const EXAMPLES: &str = "\
Examples:
  wigwag serve                        serve on 127.0.0.1:8765 with all defaults
  wigwag try random -n 10000          send 10,000 messages and count the answers
  wigwag config                       print every setting and where it came from

Exit codes: 0 done, 1 could not run, 2 wrong usage or configuration.";

const SERVE_EXAMPLES: &str = "\
Examples:
  wigwag serve
  wigwag serve --listen 0.0.0.0:8765 --listen '[::]:8765' --allow-host ws.example.org
  wigwag serve --message-bytes-max 64MiB --log-level debug
  WIGWAG_WORKERS=4 wigwag serve --config wigwag.toml

Each flag has a variable (--idle-timeout: WIGWAG_IDLE_TIMEOUT) and a TOML key.
A flag overrides a variable, a variable the file, the file the default.";

const TRY_EXAMPLES: &str = "\
Examples:
  wigwag try random -n 10000
  wigwag try stream \"The quick brown fox\"
  wigwag try letters A B C --for 10s
  wigwag try echo --url wss://127.0.0.1:8765 --cacert cert.pem

Exit codes: 0 every answer came and was right, 1 not, 2 wrong usage.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  wigwag config                       every setting, with where its value came from
  wigwag config > wigwag.toml         a file to start from
  wigwag config --check wigwag.toml   is this file valid? (0 yes, 1 unreadable, 2 no)";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wigwag completions bash > ~/.local/share/bash-completion/completions/wigwag
  wigwag completions zsh > ~/.zfunc/_wigwag
  wigwag completions fish > ~/.config/fish/completions/wigwag.fish";
