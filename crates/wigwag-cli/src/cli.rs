//! What can be typed: commands by clap's derive, the flags of the settings from their one declaration.

use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand};

use crate::connect::ConnectArgs;
use crate::load::LoadArgs;
use crate::settings::{SETTINGS, Serving, Setting};
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
    /// Serve the pages in front of any WebSocket server, and relay to it
    #[command(after_help = GATEWAY_EXAMPLES)]
    Gateway(GatewayArgs),
    /// Talk to a service with a ready-made client
    #[command(after_help = TRY_EXAMPLES)]
    Try(TryArgs),
    /// Talk to any WebSocket server: type, pipe, record, replay
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(Box<ConnectArgs>),
    /// Load a server, and prove that nothing was lost
    Load(Box<LoadArgs>),
    /// Print the effective configuration, or check a file
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigArgs),
    /// Print the manual page of a command, or write all of them
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell that is to read it
        shell: clap_complete::Shell,
    },
}

/// `wigwag serve`
pub(crate) type ServeArgs = SettingArgs<OfServe>;

/// `wigwag gateway`
pub(crate) type GatewayArgs = SettingArgs<OfGateway>;

#[derive(Args)]
pub(crate) struct ManArgs {
    /// The command, such as serve or try random; wigwag itself if none is given
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ConfigArgs {
    /// Check FILE alone, without flags and variables, and say whether it is valid
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub(crate) check: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: ServeArgs,
    #[command(subcommand)]
    pub(crate) of: Option<ConfigOf>,
}

/// Whose configuration is printed.
#[derive(Subcommand)]
pub(crate) enum ConfigOf {
    /// What `wigwag serve` reads, with its flags
    Serve(ServeArgs),
    /// What `wigwag gateway` reads, with its flags
    Gateway(GatewayArgs),
}

/// The flags of a command that were given, as text: checking them is the settings' business, whatever the source.
pub(crate) struct SettingArgs<C> {
    pub(crate) given: GivenFlags,
    of: PhantomData<C>,
}

/// Flags that were given.
#[derive(Default)]
pub(crate) struct GivenFlags {
    /// `--config FILE`
    pub(crate) config: Option<PathBuf>,
    flags: Vec<(&'static Setting, Vec<String>)>,
}

/// A command whose flags are settings.
pub(crate) trait HasSettings {
    const SERVING: Serving;
}

pub(crate) struct OfServe;
pub(crate) struct OfGateway;

impl HasSettings for OfServe {
    const SERVING: Serving = Serving::Serve;
}

impl HasSettings for OfGateway {
    const SERVING: Serving = Serving::Gateway;
}

impl GivenFlags {
    /// As if nothing but `--config FILE` had been typed.
    pub(crate) fn only_file(file: PathBuf) -> Self {
        Self { config: Some(file), flags: Vec::new() }
    }

    /// The values given for `setting` by its flag.
    pub(crate) fn values(&self, setting: &Setting) -> Option<&[String]> {
        self.flags.iter().find(|(other, _)| other.is(setting)).map(|(_, values)| values.as_slice())
    }
}

fn settings_of(serving: Serving) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |setting| setting.is_read_by(serving))
}

impl<C: HasSettings> Args for SettingArgs<C> {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = clap::Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file to read settings from (WIGWAG_CONFIG)");
        command.arg(config).args(settings_of(C::SERVING).map(flag))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<C: HasSettings> FromArgMatches for SettingArgs<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = |setting: &'static Setting| {
            let values = matches.get_many::<String>(&setting.flag())?.cloned().collect();
            Some((setting, values))
        };
        let config = matches.get_one::<PathBuf>("config").cloned();
        let flags = settings_of(C::SERVING).filter_map(values).collect();
        Ok(Self { given: GivenFlags { config, flags }, of: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(setting: &'static Setting) -> clap::Arg {
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
  wigwag gateway                      relay 127.0.0.1:8000 to it, with pages of its own
  wigwag try random -n 10000          send 10,000 messages and count the answers
  wigwag connect localhost:8765       talk to any WebSocket server
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

const GATEWAY_EXAMPLES: &str = "\
Examples:
  wigwag gateway                      /ws on 127.0.0.1:8000 is ws://127.0.0.1:8765/letters
  wigwag gateway --upstream ws://127.0.0.1:9000/chat --relay-services off
  wigwag gateway --route /chat=ws://10.0.0.5:9000/chat --route '/quotes=wss://example.org/q; hold=5s'
  wigwag gateway --replay-on-reconnect --replay-key letter --replay-cancel action=unsubscribe
  wigwag gateway --hold 0s            refuse with 502 or 504 while the upstream is away

Each flag has a variable (--hold: WIGWAG_HOLD) and a TOML key (hold in [gateway]).
What is relayed, held, replayed and promised: docs/gateway.md";

const TRY_EXAMPLES: &str = "\
Examples:
  wigwag try random -n 10000
  wigwag try stream \"The quick brown fox\"
  wigwag try letters A B C --for 10s
  wigwag try echo --url wss://127.0.0.1:8765 --cacert cert.pem

Exit codes: 0 every answer came and was right, 1 not, 2 wrong usage.";

const CONNECT_EXAMPLES: &str = "\
Examples:
  wigwag connect localhost:8765/random                  type messages; /help lists commands
  printf 'one\\ntwo\\n' | wigwag connect :8765/echo        a message a line, waits for the answers
  wigwag connect :8765/random -x hello --rtt            one message, its answer, and how long it took
  wigwag connect :8765/stream -x '{\"message\":\"Hi\"}' --until '\"count\"'
  wigwag connect :8765/letters --replies 5 -x '{\"action\":\"subscribe\",\"letter\":\"a\"}'
  wigwag connect wss://example.org/feed -H 'X-Room: 7' --bearer TOKEN --reconnect --record feed.ndjson

At a terminal there is a prompt, unless -x, --replay, --until or --replies say what to do. Otherwise one line is one
message, and at the end of the input one answer is waited for per message. Answers go to standard output, everything
else to standard error.

Exit codes: 0 all that was asked for came, 1 not, 2 wrong usage, 130 interrupted.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  wigwag config                       every setting, with where its value came from
  wigwag config gateway --hold 5s     what `wigwag gateway --hold 5s` would read
  wigwag config > wigwag.toml         a file to start from
  wigwag config --check wigwag.toml   is this file valid? (0 yes, 1 unreadable, 2 no)";

const MAN_EXAMPLES: &str = "\
Examples:
  wigwag man connect | man -l -                         read a page
  wigwag man --dir ~/.local/share/man/man1              install all, then: man wigwag-connect";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wigwag completions bash > ~/.local/share/bash-completion/completions/wigwag
  wigwag completions zsh > ~/.zfunc/_wigwag
  wigwag completions fish > ~/.config/fish/completions/wigwag.fish";
