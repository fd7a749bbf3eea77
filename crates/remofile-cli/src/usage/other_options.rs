//! The options of rsync, scp, rclone, lftp, curl and the like that are others here, and their values.

use super::answer::{Answer, anywhere, of};

const TRANSFERS: &[&str] = &["upload", "download"];

const ALL_TRANSFERS: &[&str] = &["upload", "download", "sync"];

const SERVERS: &[&str] = &["run", "start"];

const LOOKS: &[&str] = &["list", "stat", "find", "tree", "du", "cat"];

pub(super) const OPTIONS: &[Answer] = &[
    of(SERVERS, &["--port", "-p", "-P"], "the port is the second argument: 'remofile run DIRECTORY PORT'"),
    of(
        SERVERS,
        &["--token", "--password", "--pass", "-t"],
        "'--token-file FILE' has the token, or the third argument is it",
    ),
    of(
        SERVERS,
        &["--host", "--hostname", "--bind", "--listen", "-b", "-a", "--addr"],
        "'--address ADDRESS' says where to listen",
    ),
    of(
        SERVERS,
        &["--root", "--directory", "--dir", "-d"],
        "the directory is the first argument: 'remofile run DIRECTORY PORT'",
    ),
    of(
        SERVERS,
        &["--bwlimit", "--quota", "--rights", "--expires", "--user", "--auth"],
        "each token has its own: 'remofile token add NAME --rights RIGHTS --quota SIZE --bwlimit RATE'",
    ),
    of(SERVERS, &["--daemon", "-D", "--detach", "--background"], "'remofile start DIRECTORY' serves in the background"),
    of(&["download"], &["-O", "-o"], "the last argument is the destination, and '-' is standard output"),
    of(
        ALL_TRANSFERS,
        &["--partial", "--append", "--append-verify", "--continue", "-c", "--resume", "--partial-dir", "--restart"],
        "the same command again goes on where it was interrupted, unless '--no-resume' is given",
    ),
    of(
        &["upload", "download"],
        &["--inplace"],
        "a file takes its place when it is complete; '-f' replaces one that is there",
    ),
    of(&["sync"], &["--inplace"], "a file takes its place when it is complete, and only what changed is sent"),
    of(
        TRANSFERS,
        &["--delete", "--delete-after", "--delete-before", "--delete-during", "--delete-excluded", "--del", "--mirror"],
        "'remofile sync --delete' makes a directory like another one",
    ),
    of(
        &["sync"],
        &["--delete-after", "--delete-before", "--delete-during", "--delete-delay", "--del", "--mirror", "--remove"],
        "'--delete' deletes what the source does not have, after everything else is done",
    ),
    of(&["sync"], &["--delete-excluded"], "'--delete' leaves what rules leave out; 'remofile remove' removes it"),
    of(TRANSFERS, &["--update", "-u", "--newer"], "'--on-conflict newer' replaces files that are older"),
    of(
        TRANSFERS,
        &["--ignore-existing", "--no-clobber", "--skip-existing"],
        "'--on-conflict skip' leaves what is there",
    ),
    of(
        TRANSFERS,
        &["--existing", "--ignore-non-existing", "--size-only", "--itemize-changes", "--backup-dir"],
        "'remofile sync' has it",
    ),
    of(
        TRANSFERS,
        &["--checksum"],
        "what is sent is always checked; 'remofile sync -c' compares files by their contents",
    ),
    of(
        ALL_TRANSFERS,
        &["-b", "--backup", "--suffix"],
        "'remofile sync --backup-dir DIRECTORY' keeps what is replaced or deleted",
    ),
    of(ALL_TRANSFERS, &["-L", "--copy-links"], "'--links follow' sends what links lead to"),
    of(ALL_TRANSFERS, &["-l", "--safe-links"], "'--links copy' keeps links, and '--bwlimit RATE' limits the rate"),
    of(ALL_TRANSFERS, &["--perms", "--executability"], "'--preserve-mode' keeps permissions"),
    of(ALL_TRANSFERS, &["--times", "--no-times"], "times are always kept"),
    of(
        ALL_TRANSFERS,
        &["--info", "--stats-one-line", "--stats-log-level", "-P"],
        "'-p' shows the progress, and '--stats' what was done",
    ),
    of(
        ALL_TRANSFERS,
        &["-F", "--filter", "--cvs-exclude"],
        "'--exclude PATTERN' and '--exclude-from FILE' leave out what matches, as .gitignore does",
    ),
    of(ALL_TRANSFERS, &["--include-from"], "'--exclude-from FILE' takes both: a line that begins with '!' includes"),
    of(TRANSFERS, &["-C"], "'-z' compresses"),
    of(&["sync"], &["-C"], "'--exclude-from FILE' leaves out what matches, as .gitignore does; '-z' compresses"),
    of(&["sync"], &["-k", "--copy-dirlinks", "-K", "--keep-dirlinks"], "'--links follow' sends what links lead to"),
    of(TRANSFERS, &["-T", "--upload-file"], "files to send are arguments, as in 'remofile upload FILE :/DIRECTORY'"),
    of(
        ALL_TRANSFERS,
        &["-3"],
        "what goes from one server to another with 'remofile copy' passes through this machine anyway",
    ),
    of(
        ALL_TRANSFERS,
        &["-x", "--one-file-system"],
        "file systems are not told apart; '--exclude DIRECTORY' leaves out a directory that another one is mounted on",
    ),
    of(
        ALL_TRANSFERS,
        &["--remove-source-files", "--move", "--delete-src"],
        "nothing is removed at the source; when all has arrived, 'remofile remove' does it at a server",
    ),
    of(
        ALL_TRANSFERS,
        &["-m", "--prune-empty-dirs", "--create-empty-src-dirs", "-d", "--dirs"],
        "directories without files are made, too, unless '--exclude' leaves them out",
    ),
    of(
        ALL_TRANSFERS,
        &["--log-file", "--out-format", "--log-format", "--outbuf", "--msgs2stderr"],
        "'-v' names each file, and '--json' tells events for programs",
    ),
    of(
        ALL_TRANSFERS,
        &["--ignore-errors"],
        "what cannot be read keeps '--delete' from deleting: exclude it with '--exclude PATTERN'",
    ),
    of(
        ALL_TRANSFERS,
        &["--fast-list", "--no-traverse", "--use-server-modtime", "--no-inc-recursive", "--inc-recursive"],
        "leave it out: a server is asked for as much at once as it can tell",
    ),
    of(
        ALL_TRANSFERS,
        &["--interactive"],
        "'-n' shows what would be done, and '--on-conflict ask' of 'remofile upload' asks about each file in the way",
    ),
    of(
        ALL_TRANSFERS,
        &["-y", "--fuzzy", "--copy-dest", "--compare-dest"],
        "'--link-dest DIRECTORY' uses what is there",
    ),
    of(
        ALL_TRANSFERS,
        &["--no-perms", "--no-owner", "--no-group", "--no-links", "--omit-dir-times", "-O", "-J", "--omit-link-times"],
        "'-r' without '-a' keeps the times of files alone",
    ),
    of(&["sync"], &["-o"], "'--owner' keeps owner and group"),
    of(ALL_TRANSFERS, &["-g", "--group", "--chown", "--usermap", "--groupmap"], "'--owner' keeps owner and group"),
    of(
        ALL_TRANSFERS,
        &["--chmod", "-E"],
        "'--preserve-mode' keeps permissions, and a server chooses others: its '--file-mode' and '--directory-mode'",
    ),
    of(&["sync"], &["-I", "--ignore-times"], "'-c' compares files by their contents, whatever their times"),
    of(
        &["upload", "download", "copy"],
        &["-I", "--ignore-times"],
        "'--no-resume' sends what is there already, and '-f' replaces",
    ),
    of(
        ALL_TRANSFERS,
        &["--delay-updates", "--temp-dir"],
        "a file takes its place when it is complete: until then it is out of sight at the destination",
    ),
    of(&["sync"], &["--track-renames", "--detect-renamed"], "with '--delete' what only got another name is renamed"),
    of(ALL_TRANSFERS, &["--list-only"], "'remofile list -lR :/DIRECTORY' lists, and '-n' shows what would be done"),
    of(
        ALL_TRANSFERS,
        &["--verify", "--check-first", "--ignore-checksum"],
        "leave it out: what arrives is always checked, before anybody sees it",
    ),
    of(ALL_TRANSFERS, &["--immutable"], "'--on-conflict skip' leaves what is there"),
    of(
        ALL_TRANSFERS,
        &["--min-age", "--max-age", "--newer-than", "--older-than"],
        "times do not choose files; '--files-from -' takes the paths that another program prints",
    ),
    of(ALL_TRANSFERS, &["--iconv"], "names are UTF-8 at a server, and '--encode-names' encodes others"),
    of(&["copy"], &["-i", "--interactive"], "'--on-conflict ask' asks about each file in the way"),
    of(&["copy"], &["-u", "--update"], "'--on-conflict newer' replaces files that are older"),
    of(&["copy"], &["--no-clobber"], "'--on-conflict skip' leaves what is there"),
    of(
        &["copy"],
        &["-l", "--link", "-s", "--symbolic-link"],
        "links are not made; '--links keep' copies those that are there, and '--bwlimit RATE' limits the rate",
    ),
    of(&["copy"], &["-C"], "'-z' compresses"),
    of(&["copy"], &["-B", "-O"], "nothing goes through ssh: leave it out"),
    of(
        &["copy"],
        &["-o", "-c", "-S"],
        "nothing goes through ssh; the server is found by 'NAME:/path' of a profile, or by '--hostname' and '--port'",
    ),
    of(&["copy"], &["--reflink"], "leave it out: within a server copies share content where its disk can"),
    of(ALL_TRANSFERS, &["-U", "--atimes", "-N", "--crtimes"], "times of last modification are kept, and no others"),
    of(ALL_TRANSFERS, &["--limit-rate", "--rate", "--limit"], "'--bwlimit RATE' limits the rate"),
    of(
        ALL_TRANSFERS,
        &["--parallel", "--jobs", "-j", "--checkers", "--multi-thread-streams"],
        "'--transfers NUM' transfers several files at once",
    ),
    of(ALL_TRANSFERS, &["--human-readable"], "sizes are shown so anyway"),
    of(
        ALL_TRANSFERS,
        &["--block-size", "--buffer-size"],
        "'--chunk-size SIZE' is the largest part of a file in a message",
    ),
    of(ALL_TRANSFERS, &["-R", "--relative"], "'--files-from FILE' keeps the directories of the paths that it lists"),
    of(TRANSFERS, &["-o", "--output", "--output-document"], "the last argument is the destination"),
    of(&["list"], &["-S"], "'--sort size' lists the largest first"),
    of(
        &["list", "tree", "du"],
        &["--include", "--exclude", "--filter", "-I", "--ignore"],
        "'remofile find :/DIRECTORY --name PATTERN' prints what matches",
    ),
    of(
        LOOKS,
        &["--min-age", "--max-age", "--newer-than", "--older-than"],
        "times do not choose files; 'remofile list -lR --sort time :/DIRECTORY' lists the newest first",
    ),
    of(&["list"], &["-d", "--directory"], "'remofile stat :/DIRECTORY' shows a directory itself"),
    of(&["list"], &["-A", "--almost-all"], "every name is listed anyway"),
    of(
        &["list"],
        &["-i", "-g", "-o", "-n", "-T", "--full-time", "--format"],
        "'-l' shows kind, size and time, '--json' all",
    ),
    of(
        &["list", "du", "find"],
        &["--max-depth", "-maxdepth", "-mindepth", "--depth"],
        "'remofile tree -L NUM' shows so many levels",
    ),
    of(
        &["find"],
        &["-delete", "-exec", "-ok"],
        "'remofile find' prints paths; 'remofile remove PATH...' removes what it is told",
    ),
    of(&["find"], &["-size"], "'--min-size SIZE' and '--max-size SIZE' are for sizes"),
    of(
        &["find"],
        &["-mtime", "-mmin", "-newer", "-path", "-regex", "-perm", "-user", "-empty", "-not", "-o"],
        "there are '--name', '--iname', '--type', '--min-size' and '--max-size'",
    ),
    of(
        &["du"],
        &["-a", "--all", "-c", "--total", "-k", "-m", "-b", "--bytes", "-d"],
        "'remofile du' tells bytes, of each directory, and '-s' of the whole alone",
    ),
    of(
        &["tree"],
        &["-a", "-f", "-s", "-h", "-C"],
        "every name is shown, and 'remofile list -lR' shows sizes and times",
    ),
    of(&["df"], &["-T", "-t", "-a", "-k", "-m"], "'-h' shows sizes as 1.2K, and '-i' numbers of files"),
    of(
        &["stat"],
        &["-c", "--format", "-f", "--printf", "-L", "--dereference"],
        "'--json' is for programs, and links are followed",
    ),
    of(
        &["file"],
        &["-c", "-a", "-m", "-d", "-t", "-r", "-C", "--date", "--timestamp", "--reference", "--no-create"],
        "'-u' gives a file that is there the time of now",
    ),
    of(
        &["cat"],
        &["-A", "-b", "-s", "-E", "-T", "--number"],
        "content is printed as it is, for a program such as cat or less to show",
    ),
    of(
        &["hash"],
        &["--md5", "--sha1", "--sha256", "--sha512", "--blake3", "--xxh3", "--crc32"],
        "'-a NAME' chooses the hash: xxh3, blake3, sha256, sha512, sha1 or md5",
    ),
    of(
        &["hash"],
        &["-b", "--binary", "--text", "-w", "--warn", "--status", "--strict"],
        "leave it out: files are hashed as they are, and the exit status tells the rest",
    ),
    of(
        &["move", "copy"],
        &["-T", "--no-target-directory", "--target-directory"],
        "the last argument is the new path, or an existing directory",
    ),
    of(
        &["login"],
        &["--user", "-u", "--username", "-l"],
        "there are no users: 'remofile login NAME HOST' asks for the token",
    ),
    of(LOOKS, &["-s", "--size"], "'-l' of 'remofile list' shows sizes, and 'remofile du' sums"),
    of(
        &["cat"],
        &["-n", "--lines", "-c", "--bytes", "--head", "--count"],
        "'--tail BYTES' prints the end, '--length BYTES' the beginning",
    ),
    of(
        &["remove"],
        &["-i", "-I", "--interactive"],
        "you are asked about relative paths alone; '-n' shows what would be removed",
    ),
    of(&["remove"], &["-d", "--dir"], "an empty directory is removed without an option, one with contents with '-r'"),
    of(&["directory"], &["-m", "--mode"], "the server chooses permissions: its '--directory-mode'"),
    of(
        &["move"],
        &["-i", "--interactive", "-u", "--update", "--no-clobber"],
        "a file in the way is left, and '-f' replaces it",
    ),
    of(
        &["move", "copy", "remove", "directory", "file"],
        &["-q", "--quiet", "-s"],
        "nothing is said anyway unless something fails",
    ),
    anywhere(
        &["-e", "--rsh", "--ssh", "-i", "--identity", "-J", "-F", "--rsync-path", "--blocking-io"],
        "nothing goes through ssh; the server is found by 'NAME:/path' of a profile, or by '--hostname' and '--port'",
    ),
    anywhere(&["-P", "-p"], "the port of the server is '--port PORT'"),
    anywhere(
        &["--user", "--username", "--login", "--password", "--pass", "--password-file", "--passwd", "--netrc"],
        "there are no users: the token is that of '--token-file FILE', a profile or REMOFILE_TOKEN",
    ),
    anywhere(
        &["--host", "--server", "--address", "--url", "--remote"],
        "the server is '--hostname HOST', or an operand 'remofile://HOST/path'",
    ),
    anywhere(
        &["--contimeout", "--connect-timeout", "--timelimit", "--max-time", "--max-duration"],
        "'--timeout TIME' is for everything, connecting included",
    ),
    anywhere(
        &["--retry", "--low-level-retries"],
        "'--retries NUM' of a transfer is how often it goes on after a lost line",
    ),
    anywhere(&["-4", "--ipv4", "-6", "--ipv6", "--interface"], "'--hostname ADDRESS' takes an address of either kind"),
    anywhere(
        &["--tls", "--ssl", "--insecure", "-k", "--no-check-certificate"],
        "sessions are encrypted without certificates; '--public-key KEY' makes sure of the server",
    ),
];

pub(super) const VALUES: &[Answer] = &[
    of(SERVERS, &["PORT"], "'--address ADDRESS' says where to listen"),
    of(
        &["list"],
        &["--timeout"],
        "'-t' is the time to wait here; '-l --sort time' lists the newest first, with '--reverse' last",
    ),
    of(
        &["copy", "move", "upload", "download"],
        &["--timeout"],
        "'-t' is the time to wait here; times are always kept, and the last argument is the destination",
    ),
];
