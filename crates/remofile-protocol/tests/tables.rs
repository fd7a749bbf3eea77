//! The tables of docs/protocol.md that say what numbers mean: they are those of the code.

use remofile_protocol::handshake::Refusal;
use remofile_protocol::wire::ErrorCode;

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

/// Compares the rows below a heading with those that there should be.
fn check(heading: &str, rows: impl Iterator<Item = (u16, &'static str, &'static str)>) {
    let (_, below) = PROTOCOL.split_once(&format!("\n### {heading}\n")).expect("there is such a heading");
    let table = below.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let told: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    let row = |(number, name, meaning)| format!("| {number} | `{name}` | {meaning} |");
    let rows: Vec<String> = rows.map(row).collect();
    assert!(told == rows, "the table of {heading} in docs/protocol.md should be\n{}\n", rows.join("\n"));
}

#[test]
fn the_table_of_error_codes_is_that_of_the_code() {
    check("Error codes", ErrorCode::ALL.iter().map(|code| (code.number(), code.name(), code.meaning())));
}

#[test]
fn the_table_of_refusals_is_that_of_the_code() {
    let row = |refusal: &Refusal| (u16::from(refusal.number()), refusal.name(), refusal.meaning());
    check("Refusals", Refusal::ALL.iter().map(row));
}
