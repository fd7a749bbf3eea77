//! The grammar of docs/protocol.md: as much of CDDL (RFC 8610) as it is written in.

use std::collections::{BTreeMap, BTreeSet};

/// A type of the grammar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// Another rule, or a type of CDDL itself.
    Name(String),
    /// A number within bounds, both included.
    Range(u64, u64),
    /// This text.
    Text(String),
    /// So many bytes.
    Bytes(usize),
    /// One of several.
    Choice(Vec<Self>),
    /// A map with numbers as keys.
    Map(Vec<Field>),
    /// An array.
    Array(Vec<Element>),
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) key: u64,
    pub(crate) optional: bool,
    pub(crate) value: Type,
}

/// A place in an array.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Element {
    One(Type),
    Many(Type),
    Optional(Vec<Self>),
}

/// The rules by their names.
pub(crate) struct Grammar(BTreeMap<String, Type>);

/// Types that CDDL has without a rule.
const PRELUDE: [&str; 7] = ["any", "bool", "bstr", "int", "null", "tstr", "uint"];

impl Grammar {
    /// Reads the indented blocks of some sections of a Markdown text, each from its heading to the next one.
    pub(crate) fn read(markdown: &str, headings: &[&str]) -> Self {
        let mut tokens = Vec::new();
        for heading in headings {
            let section = markdown.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading}")).1;
            let section = section.split("\n#").next().unwrap();
            section.lines().filter(|line| line.starts_with("    ")).for_each(|line| tokenize(line, &mut tokens));
        }
        let mut parser = Parser { tokens, at: 0 };
        let mut rules = BTreeMap::new();
        while parser.at < parser.tokens.len() {
            let name = parser.next();
            parser.expect("=");
            assert!(rules.insert(name.clone(), parser.choice()).is_none(), "{name} has two rules");
        }
        Self(rules)
    }

    /// The type of a rule.
    pub(crate) fn rule(&self, name: &str) -> &Type {
        self.0.get(name).unwrap_or_else(|| panic!("the grammar has no rule for {name}"))
    }

    /// The alternatives of a rule, through all rules that are nothing but choices, by their names.
    pub(crate) fn alternatives(&self, name: &str) -> Vec<(String, Type)> {
        let mut found = Vec::new();
        self.collect(name, &Type::Name(name.to_owned()), &mut found);
        found
    }

    fn collect(&self, name: &str, one: &Type, found: &mut Vec<(String, Type)>) {
        match one {
            Type::Name(name) => self.collect(name, self.rule(name), found),
            Type::Choice(all) => all.iter().for_each(|one| self.collect(name, one, found)),
            other => found.push((name.to_owned(), other.clone())),
        }
    }

    /// A number that none of a choice is, if it is one of numbers that are listed.
    pub(crate) fn beyond(&self, one: &Type) -> Option<u64> {
        let all = match one {
            Type::Name(name) if PRELUDE.contains(&name.as_str()) => return None,
            Type::Name(name) => return self.beyond(self.rule(name)),
            Type::Choice(all) => all,
            _ => return None,
        };
        let number = |one: &Type| match one {
            Type::Range(least, most) if least == most => Some(*least),
            _ => None,
        };
        all.iter().map(number).collect::<Option<Vec<u64>>>()?.into_iter().max().map(|largest| largest + 1)
    }

    /// Rules that are not used by the roots, nor by what these use.
    pub(crate) fn unused(&self, roots: &[&str]) -> BTreeSet<String> {
        let mut unused: BTreeSet<String> = self.0.keys().cloned().collect();
        let mut open: Vec<Type> = roots.iter().map(|root| Type::Name((*root).to_owned())).collect();
        while let Some(next) = open.pop() {
            match next {
                Type::Name(name) if PRELUDE.contains(&name.as_str()) => {}
                Type::Name(name) => {
                    let rule = self.rule(&name).clone();
                    if unused.remove(&name) {
                        open.push(rule);
                    }
                }
                Type::Choice(all) => open.extend(all),
                Type::Map(fields) => open.extend(fields.into_iter().map(|field| field.value)),
                Type::Array(elements) => elements.into_iter().for_each(|element| element.types(&mut open)),
                Type::Range(..) | Type::Text(_) | Type::Bytes(_) => {}
            }
        }
        unused
    }
}

impl Element {
    fn types(self, found: &mut Vec<Type>) {
        match self {
            Self::One(one) | Self::Many(one) => found.push(one),
            Self::Optional(group) => group.into_iter().for_each(|element| element.types(found)),
        }
    }
}

fn tokenize(line: &str, tokens: &mut Vec<String>) {
    let mut rest = line.split(';').next().unwrap().trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let length = match first {
            '"' => rest[1..].find('"').unwrap() + 2,
            '=' if rest.starts_with("=>") => 2,
            '.' if rest.starts_with("..") => 2,
            '.' => 1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
}

impl Parser {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).expect("the grammar ends too early").clone()
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.peek(0) == token;
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, token: &str) {
        assert!(self.takes(token), "{token:?} is missing before {:?}", &self.tokens[self.at..]);
    }

    fn number(&mut self) -> u64 {
        let token = self.next();
        token.parse().unwrap_or_else(|_| panic!("{token} is no number"))
    }

    fn choice(&mut self) -> Type {
        let mut all = vec![self.one()];
        while self.takes("/") {
            all.push(self.one());
        }
        if all.len() == 1 { all.remove(0) } else { Type::Choice(all) }
    }

    fn one(&mut self) -> Type {
        match self.next().as_str() {
            "{" => self.map(),
            "[" => Type::Array(self.elements("]")),
            "bstr" if self.takes(".size") => Type::Bytes(usize::try_from(self.number()).unwrap()),
            text if text.starts_with('"') => Type::Text(text.trim_matches('"').to_owned()),
            number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                let least = number.parse().unwrap();
                Type::Range(least, if self.takes("..") { self.number() } else { least })
            }
            name => Type::Name(name.to_owned()),
        }
    }

    fn map(&mut self) -> Type {
        let mut fields = Vec::new();
        loop {
            // Every map may have keys that a later version adds.
            if self.takes("*") {
                ["uint", "=>", "any", "}"].iter().for_each(|token| self.expect(token));
                return Type::Map(fields);
            }
            let optional = self.takes("?");
            let key = self.number();
            self.expect(":");
            fields.push(Field { key, optional, value: self.choice() });
            self.expect(",");
        }
    }

    fn elements(&mut self, end: &str) -> Vec<Element> {
        let mut elements = Vec::new();
        while !self.takes(end) {
            elements.push(self.element());
            assert!(self.takes(",") || self.peek(0) == end, "a comma is missing before {}", self.peek(0));
        }
        elements
    }

    fn element(&mut self) -> Element {
        if self.takes("*") {
            return Element::Many(self.choice());
        }
        if self.takes("?") {
            let is_group = self.takes("(");
            return Element::Optional(if is_group { self.elements(")") } else { vec![self.element()] });
        }
        if self.peek(1) == ":" {
            self.at += 2;
        }
        Element::One(self.choice())
    }
}
