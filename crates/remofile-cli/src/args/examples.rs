//! The parts of help besides the commands themselves: examples at its end, and groups of the options of servers.

use clap::Command;

/// The columns of help, in a terminal of at least so many.
const HELP_COLUMNS: usize = 80;

/// The examples of the commands, by their names; those of a command below another one by both.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "list",
        "remofile list /photos -lh                # with sizes and times
remofile ls nas:/photos --sort time      # the newest first",
    ),
    (
        "file",
        "remofile file note.txt /photos
remofile touch -u nas:/photos/note.txt   # its time becomes now",
    ),
    (
        "directory",
        "remofile directory photos
remofile mkdir -p nas:/photos/2026/07",
    ),
    (
        "upload",
        "remofile upload report.pdf /2026/final.pdf
remofile put -rp photos nas:/ --exclude '*.tmp'
tar c project | remofile upload - --name project.tar",
    ),
    (
        "download",
        "remofile download /2026/final.pdf .
remofile get -rp nas:/photos . --transfers 4
remofile download /project.tar - | tar x",
    ),
    (
        "sync",
        "remofile sync photos nas:/photos         # nas becomes like photos
remofile sync -n --delete nas:/photos photos    # what would be done",
    ),
    (
        "sync local",
        "remofile sync local photos /photos
remofile sync local -n --delete photos /photos",
    ),
    (
        "sync remote",
        "remofile sync remote /photos photos
remofile sync remote --delete --backup-dir old /photos photos",
    ),
    (
        "remove",
        "remofile remove /photos/a.jpg '/photos/*.tmp'
remofile rm -rf nas:/photos/2019",
    ),
    (
        "copy",
        "remofile copy /report.pdf /2026/final.pdf
remofile cp -r nas:/photos nas:/backup/",
    ),
    (
        "move",
        "remofile move /draft.txt /final.txt
remofile mv nas:/a.jpg nas:/b.jpg nas:/photos",
    ),
    (
        "cat",
        "remofile cat /notes.txt | less
remofile cat -f nas:/server.log --tail 4K",
    ),
    (
        "stat",
        "remofile stat /photos/a.jpg
remofile stat nas:/photos --json",
    ),
    (
        "find",
        "remofile find /photos --name '*.jpg' --min-size 1M
remofile find nas:/ -iname 'readme*' -type f",
    ),
    (
        "tree",
        "remofile tree /photos -L 2
remofile tree nas:/ -d",
    ),
    (
        "du",
        "remofile du -sh /photos /music
remofile du nas:/",
    ),
    (
        "hash",
        "remofile hash /photos -r --algorithm sha256 > SUMS
remofile hash --check SUMS --algorithm sha256 /photos   # which differ",
    ),
    (
        "df",
        "remofile df -h                           # the room of the server's disk
remofile df nas:/photos --json",
    ),
    (
        "edit",
        "remofile edit /notes.txt
EDITOR=nano remofile edit nas:/etc/site.conf",
    ),
    (
        "login",
        "remofile login nas remofile://nas.example.org
remofile login nas nas:7000 --token-command 'pass show nas'
remofile login nas nas:7000 --keyring",
    ),
    (
        "partials",
        "remofile partials -l
remofile partials --clear --local ~/Downloads",
    ),
    (
        "status",
        "remofile status
remofile status --profile nas --json",
    ),
    (
        "run",
        "remofile run my-directory
remofile run my-directory 7000 --token-file token --read-only
remofile run s3://my-bucket/backups --endpoint https://s3.example.org
remofile run az://my-container/backups
remofile run --config server.toml --log-format json -v",
    ),
    (
        "start",
        "remofile start my-directory --pidfile nas.pid
remofile start my-directory 7000 --token-file token --log-file nas.log",
    ),
    (
        "stop",
        "remofile stop
remofile stop --pidfile nas.pid --timeout 5",
    ),
    (
        "server-config",
        "remofile server-config /etc/remofile/server.toml
remofile server-config server.toml --check-config",
    ),
    (
        "token",
        "remofile token add alice --rights write --below /alice
remofile token list",
    ),
    (
        "token add",
        "remofile token add press --rights read --below /press
remofile token add guest --expires 1h --quota 5G",
    ),
    (
        "token list",
        "remofile token list
remofile token list --json",
    ),
    (
        "token remove",
        "remofile token remove alice
remofile token remove alice --tokens tokens.toml",
    ),
    (
        "token rotate",
        "remofile token rotate alice
remofile token rotate alice --grace 1d       # the former one works for a day",
    ),
    (
        "generate-token",
        "remofile generate-token
remofile generate-token > token          # for --token-file",
    ),
    (
        "generate-keys",
        "remofile generate-keys
remofile generate-keys > keys            # for --private-key-file",
    ),
    (
        "completions",
        "remofile completions bash > ~/.local/share/bash-completion/completions/remofile
remofile completions fish > ~/.config/fish/completions/remofile.fish",
    ),
    (
        "man",
        "remofile man | man -l -
remofile man ~/.local/share/man/man1",
    ),
];

/// The examples of the program itself.
const OF_ALL: &str = "Examples:
  remofile run my-directory
  remofile login nas remofile://nas.example.org
  remofile upload -rp photos nas:/
  remofile sync nas:/photos photos";

/// The options of servers, in groups.
const OF_SERVERS: &[(&str, &[&str])] = &[
    (
        "Access",
        &["token_file", "tokens", "private_key_file", "address", "no_encryption", "require_encryption", "read_only"],
    ),
    ("Files", &["file_mode", "directory_mode", "names", "fsync", "partial_expiry"]),
    (
        "Limits",
        &[
            "file_size_limit",
            "min_chunk_size",
            "max_chunk_size",
            "session_memory",
            "server_memory",
            "idle_timeout",
            "max_hold",
            "exclusive",
            "max_sessions",
        ],
    ),
    ("Operation", &["config", "check_config", "metrics", "on_upload", "webhook", "hook_timeout"]),
    ("Output", &["audit_log", "log_file", "log_format", "quiet"]),
];

/// Returns the command with examples, and help that fits into the usual columns. `exit_statuses` comes last.
pub(super) fn with_examples(command: Command, exit_statuses: &str) -> Command {
    let command = command.max_term_width(HELP_COLUMNS).after_help(format!("{OF_ALL}\n\n{exit_statuses}"));
    below(command, "").mut_subcommand("run", grouped).mut_subcommand("start", grouped)
}

fn grouped(server: Command) -> Command {
    OF_SERVERS.iter().fold(server, |server, (heading, options)| {
        options.iter().fold(server, |server, option| server.mut_arg(option, |option| option.help_heading(*heading)))
    })
}

fn below(command: Command, names: &str) -> Command {
    command.mut_subcommands(|sub| {
        let names = format!("{names} {}", sub.get_name()).trim_start().to_owned();
        let sub = match EXAMPLES.iter().find(|(name, _)| *name == names) {
            Some((_, examples)) => sub.after_help(format!("Examples:\n  {}", examples.replace('\n', "\n  "))),
            None => sub,
        };
        below(sub, &names)
    })
}

#[cfg(test)]
pub(super) use tests::lines;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{command, in_order, parse};
    use clap::builder::StyledStr;
    use std::ffi::OsString;

    /// Every command that there is, by its names, but for the help of commands.
    fn commands() -> Vec<(String, Command)> {
        fn collect(command: &Command, names: &str, found: &mut Vec<(String, Command)>) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
                let names = format!("{names} {}", sub.get_name()).trim_start().to_owned();
                found.push((names.clone(), sub.clone()));
                collect(sub, &names, found);
            }
        }
        let (mut command, mut found) = (command(), Vec::new());
        command.build();
        collect(&command, "", &mut found);
        found
    }

    /// The words of every example.
    pub(in crate::args) fn lines() -> Vec<Vec<OsString>> {
        EXAMPLES.iter().flat_map(|(_, examples)| examples.lines()).map(words).collect()
    }

    #[test]
    fn every_command_has_two_examples_and_each_example_is_understood() {
        let names: Vec<String> = commands().into_iter().map(|(names, _)| names).collect();
        for name in &names {
            let (_, examples) = EXAMPLES.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}"));
            assert!(examples.lines().count() >= 2, "{name}");
            for line in examples.lines() {
                let words = words(line);
                let parsed = parse(&in_order(words, &|_| false).unwrap());
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
        for (name, _) in EXAMPLES {
            assert!(names.iter().any(|known| known == name), "there is no command {name}");
        }
    }

    /// The arguments in an example: what is before the command, behind it, and quotes are the shell's.
    fn words(line: &str) -> Vec<OsString> {
        let line = &line[line.find("remofile").unwrap()..];
        let words = line.split_whitespace().take_while(|word| !["#", "|", ">"].contains(word));
        let mut quoted: Vec<String> = Vec::new();
        let mut is_open = false;
        for word in words {
            match quoted.last_mut() {
                Some(last) if is_open => *last += &format!(" {word}"),
                _ => quoted.push(word.to_owned()),
            }
            is_open ^= word.matches('\'').count() % 2 == 1;
        }
        quoted.into_iter().map(|word| OsString::from(word.replace('\'', ""))).collect()
    }

    #[test]
    fn help_fits_into_eighty_columns_and_begins_with_what_the_command_does() {
        for (names, mut command) in commands() {
            let about = command.get_about().map(StyledStr::to_string).unwrap_or_default();
            assert!(about.starts_with(|letter: char| letter.is_uppercase()), "{names}: {about}");
            for help in [command.render_help(), command.render_long_help()] {
                let help = help.to_string();
                let first: String = help.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
                assert!(about.starts_with(&first), "{names}: {first}");
                for line in help.lines() {
                    assert!(line.chars().count() <= HELP_COLUMNS, "{names}: {line}");
                }
                assert!(help.contains("Examples:\n  "), "{names}");
            }
        }
    }

    #[test]
    fn what_fingers_know_otherwise_is_told_where_it_differs() {
        let (_, mut upload) = commands().into_iter().find(|(names, _)| names == "upload").unwrap();
        let help = upload.render_long_help().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for told in ["rsync and scp -p keeps", "rsync -t keeps times"] {
            assert!(help.contains(told), "{help}");
        }
    }
}
