//! Values that a grammar admits, in CBOR.

use super::cddl::{Element, Field, Grammar, Type};
use minicbor::Encoder;

/// A value in CBOR.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Uint(u64),
    Int(i64),
    Bool(bool),
    Null,
    /// A value that no message has anywhere.
    Float,
    Text(String),
    Bytes(Vec<u8>),
    Array {
        /// More may follow that nobody knows.
        open: bool,
        values: Vec<Self>,
    },
    Map {
        /// The keys that the grammar knows.
        known: Vec<Field>,
        entries: Vec<(u64, Self)>,
    },
}

impl Value {
    /// Its bytes.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut Encoder::new(&mut bytes)).unwrap();
        bytes
    }

    fn encode(&self, e: &mut Encoder<&mut Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        match self {
            Self::Uint(number) => e.u64(*number)?.ok(),
            Self::Int(number) => e.i64(*number)?.ok(),
            Self::Bool(value) => e.bool(*value)?.ok(),
            Self::Null => e.null()?.ok(),
            Self::Float => e.f64(0.5)?.ok(),
            Self::Text(text) => e.str(text)?.ok(),
            Self::Bytes(bytes) => e.bytes(bytes)?.ok(),
            Self::Array { values, .. } => {
                e.array(values.len() as u64)?;
                values.iter().try_for_each(|value| value.encode(e))
            }
            Self::Map { entries, .. } => {
                e.map(entries.len() as u64)?;
                entries.iter().try_for_each(|(key, value)| value.encode(e.u64(*key)?))
            }
        }
    }

    /// Itself and all in it, by their places: the index of a child, that of its child...
    pub(crate) fn places(&self) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new()];
        for (index, child) in self.children().into_iter().enumerate() {
            places.extend(child.places().into_iter().map(|place| [vec![index], place].concat()));
        }
        places
    }

    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Array { values, .. } => values.iter().collect(),
            Self::Map { entries, .. } => entries.iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        }
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: &[usize]) -> &Self {
        place.iter().fold(self, |value, index| value.children()[*index])
    }

    /// The same with something else at a place.
    pub(crate) fn with(&self, place: &[usize], new: Self) -> Self {
        let Some((index, rest)) = place.split_first() else { return new };
        let mut changed = self.clone();
        match &mut changed {
            Self::Array { values, .. } => values[*index] = values[*index].with(rest, new),
            Self::Map { entries, .. } => entries[*index].1 = entries[*index].1.with(rest, new),
            _ => unreachable!("it has no children"),
        }
        changed
    }
}

impl Grammar {
    /// Values of a type: the first has everything that may be there, and nothing that is a default; each other
    /// differs from it in one place.
    pub(crate) fn samples(&self, one: &Type) -> Vec<Value> {
        match one {
            Type::Name(name) => self.named(name),
            Type::Range(least, most) if least == most => vec![Value::Uint(*least)],
            Type::Range(least, most) => [(*least).max(1), *least, *most].map(Value::Uint).to_vec(),
            Type::Text(text) => vec![Value::Text(text.clone())],
            Type::Bytes(count) => vec![Value::Bytes(vec![7; *count])],
            Type::Choice(all) => all.iter().flat_map(|one| self.samples(one)).collect(),
            Type::Map(fields) => self.maps(fields),
            Type::Array(elements) => self.arrays(elements),
        }
    }

    fn named(&self, name: &str) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        match name {
            "any" => vec![Value::Uint(7)],
            "bool" => vec![Value::Bool(true), Value::Bool(false)],
            "bstr" => vec![Value::Bytes(vec![7; 12])],
            "int" => vec![Value::Int(-1), Value::Int(i64::MIN), Value::Int(i64::MAX)],
            "null" => vec![Value::Null],
            // What texts of these kinds are, the grammar cannot say.
            "path" => vec![text("/a"), text("/")],
            "tstr" | "item-path" => vec![text("a")],
            "uint" => vec![Value::Uint(1), Value::Uint(0), Value::Uint(u64::MAX)],
            rule => self.samples(self.rule(rule)),
        }
    }

    fn maps(&self, fields: &[Field]) -> Vec<Value> {
        let samples: Vec<Vec<Value>> = fields.iter().map(|field| self.samples(&field.value)).collect();
        let full: Vec<(u64, Value)> =
            fields.iter().zip(&samples).map(|(field, samples)| (field.key, samples[0].clone())).collect();
        let map = |entries| Value::Map { known: fields.to_vec(), entries };
        let mut all = vec![map(full.clone())];
        for (index, (field, samples)) in fields.iter().zip(&samples).enumerate() {
            for sample in &samples[1..] {
                let mut entries = full.clone();
                entries[index].1 = sample.clone();
                all.push(map(entries));
            }
            if field.optional {
                let mut entries = full.clone();
                entries.remove(index);
                all.push(map(entries));
            }
        }
        all
    }

    fn arrays(&self, elements: &[Element]) -> Vec<Value> {
        let open = elements.last() == Some(&Element::Many(Type::Name("any".to_owned())));
        if let [Element::Many(one)] = elements {
            let array = |values| Value::Array { open, values };
            let each = self.samples(one).into_iter().map(|sample| array(vec![sample]));
            return each.chain([array(Vec::new())]).collect();
        }
        self.rows(elements).into_iter().map(|values| Value::Array { open, values }).collect()
    }

    fn rows(&self, elements: &[Element]) -> Vec<Vec<Value>> {
        let (mut full, mut shorter) = (Vec::new(), Vec::new());
        let mut samples = Vec::new();
        for element in elements {
            match element {
                Element::One(one) => {
                    let of_one = self.samples(one);
                    full.push(of_one[0].clone());
                    samples.push(of_one);
                }
                // Only the last elements are optional.
                Element::Optional(group) => {
                    shorter.push(full.clone());
                    let mut groups = self.rows(group);
                    let longest = groups.remove(0);
                    shorter.extend(groups.into_iter().map(|group| [full.clone(), group].concat()));
                    full.extend(longest);
                }
                Element::Many(one) => assert_eq!(*one, Type::Name("any".to_owned()), "only what nobody knows follows"),
            }
        }
        let mut all = vec![full.clone()];
        for (index, of_one) in samples.iter().enumerate() {
            for sample in &of_one[1..] {
                let mut row = full.clone();
                row[index] = sample.clone();
                all.push(row);
            }
        }
        all.extend(shorter);
        all
    }
}
