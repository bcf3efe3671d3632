//! The machine of [pickles](https://github.com/python/cpython/blob/main/Lib/pickletools.py), without the one thing that makes
//! it dangerous: it calls nothing.
//!
//! Every value has a number, and containers hold numbers: what a program repeats or nests in itself takes no more memory
//! than its instructions.

use super::tensor::{self, Window};
use std::collections::{BTreeMap, HashMap};

/// As many as PyTorch allows.
const MOST_DIMENSIONS: usize = 64;

pub(super) type Id = usize;

/// What an instruction makes.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its module and name.
    Global(&'a str, &'a str),
    Storage {
        key: &'a str,
        class: &'a str,
    },
    Tensor(Box<Window<'a>>),
    /// A number or bytes that nothing here needs.
    DefaultOptions,
    /// What a class or function that is not known here would have made.
    Object(&'a str, &'a str),
}

/// A parsed pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    /// What the program leaves.
    pub(super) top: Id,
}

impl<'a> Pickle<'a> {
    /// Parses one pickle, and gives what stands behind it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), String> {
        let mut machine =
            Machine { rest: bytes, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        let top = machine
            .run()
            .map_err(|what| format!("{what} at byte {} of its pickle", bytes.len() - machine.rest.len()))?;
        Ok((Pickle { values: machine.values, top }, machine.rest))
    }

    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id).unwrap_or(&Value::None)
    }

    pub(super) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn tensor(&self, id: Id) -> Option<&Window<'a>> {
        match self.get(id) {
            Value::Tensor(window) => Some(window),
            _ => None,
        }
    }

    /// A value in words.
    pub(super) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Value::None => "None".into(),
            Value::Bool(_) | Value::DefaultOptions => "a plain value".into(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
            Value::Tuple(_) => "a tuple".into(),
            Value::List(_) => "a list".into(),
            Value::Dict(_) => "a dictionary".into(),
            Value::Global(module, name) | Value::Object(module, name) => format!("an object of `{module}.{name}`"),
            Value::Storage { .. } => "a storage".into(),
            Value::Tensor(_) => "a single tensor".into(),
        }
    }

    /// How many bytes an element has, by the key of the storage.
    pub(super) fn storage_sizes(&self) -> BTreeMap<&'a str, usize> {
        let sized = |value: &Value<'a>| match value {
            Value::Storage { key, class } => Some((*key, tensor::dtype(class)?.size())),
            _ => None,
        };
        self.values.iter().filter_map(sized).collect()
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

type Step<T> = Result<T, String>;

impl<'a> Machine<'a> {
    fn run(&mut self) -> Step<Id> {
        loop {
            let [code] = *self.chunk::<1>()?;
            match code {
                b'.' => return self.pop(),
                0x80 => _ = self.chunk::<1>()?,
                // a frame says how long it is, which nothing here needs
                0x95 => _ = self.chunk::<8>()?,
                b'(' => self.marks.push(self.stack.len()),
                b'0' => _ = self.pop()?,
                b'1' => _ = self.marked()?,
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' => self.push(Value::None),
                0x88 => self.push(Value::Bool(true)),
                0x89 => self.push(Value::Bool(false)),
                _ => self.other(code)?,
            }
        }
    }

    fn other(&mut self, code: u8) -> Step<()> {
        match code {
            // numbers
            b'J' => self.int(|machine| Ok(i64::from(i32::from_le_bytes(*machine.chunk()?)))),
            b'K' => self.int(|machine| Ok(i64::from(machine.chunk::<1>()?[0]))),
            b'M' => self.int(|machine| Ok(i64::from(u16::from_le_bytes(*machine.chunk()?)))),
            0x8a => {
                let len = usize::from(self.chunk::<1>()?[0]);
                self.long(len)
            }
            0x8b => {
                let len = self.length::<4>()?;
                self.long(len)
            }
            b'I' | b'L' => {
                let line = self.line()?;
                let value = match (code, line) {
                    (b'I', "00") => Value::Bool(false),
                    (b'I', "01") => Value::Bool(true),
                    _ => line.trim_end_matches('L').parse().map_or(Value::DefaultOptions, Value::Int),
                };
                self.push(value);
                Ok(())
            }
            b'F' | b'S' => self.line().map(|_| self.push(Value::DefaultOptions)),
            b'G' => self.chunk::<8>().map(|_| self.push(Value::DefaultOptions)),
            // texts and bytes
            b'X' => self.length::<4>().and_then(|len| self.push_text(len)),
            0x8c => self.length::<1>().and_then(|len| self.push_text(len)),
            0x8d => self.length::<8>().and_then(|len| self.push_text(len)),
            // texts of Python 2
            b'T' => self.length::<4>().and_then(|len| self.push_text(len)),
            b'U' => self.length::<1>().and_then(|len| self.push_text(len)),
            b'V' => {
                let line = self.line()?;
                self.push(Value::Text(line));
                Ok(())
            }
            b'B' => self.length::<4>().and_then(|len| self.push_bytes(len)),
            b'C' => self.length::<1>().and_then(|len| self.push_bytes(len)),
            0x8e | 0x96 => self.length::<8>().and_then(|len| self.push_bytes(len)),
            // containers
            b')' => {
                self.push(Value::Tuple(Vec::new()));
                Ok(())
            }
            b']' | 0x8f => {
                self.push(Value::List(Vec::new()));
                Ok(())
            }
            b'}' => {
                self.push(Value::Dict(Vec::new()));
                Ok(())
            }
            b't' => self.marked().map(|all| self.push(Value::Tuple(all))),
            b'l' | 0x91 => self.marked().map(|all| self.push(Value::List(all))),
            b'd' => {
                let all = self.marked()?;
                self.push(Value::Dict(pairs(&all)?));
                Ok(())
            }
            0x85..=0x87 => {
                let len = usize::from(code - 0x84);
                let at = self.stack.len().checked_sub(len).ok_or("a tuple of nothing")?;
                let all = self.stack.split_off(at);
                self.push(Value::Tuple(all));
                Ok(())
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(&[item])
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.extend_list(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(vec![(key, value)])
            }
            b'u' => {
                let items = self.marked()?;
                self.extend_dict(pairs(&items)?)
            }
            // the memo
            b'p' | b'g' => {
                let key = self.line()?.parse().map_err(|_| "a memo without a number")?;
                if code == b'p' { self.remember(key) } else { self.recall(key) }
            }
            b'q' | b'h' => {
                let key = u64::from(self.chunk::<1>()?[0]);
                if code == b'q' { self.remember(key) } else { self.recall(key) }
            }
            b'r' | b'j' => {
                let key = u64::from(u32::from_le_bytes(*self.chunk()?));
                if code == b'r' { self.remember(key) } else { self.recall(key) }
            }
            0x94 => self.remember(self.memo.len() as u64),
            // classes and objects
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(module, name));
                Ok(())
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| match self.values.get(id) {
                    Some(Value::Text(text)) => Ok(*text),
                    _ => Err("a class without a name"),
                };
                let (module, name) = (text(module)?, text(name)?);
                self.push(Value::Global(module, name));
                Ok(())
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.make(function, arguments)
            }
            0x92 => {
                let (_, arguments, function) = (self.pop()?, self.pop()?, self.pop()?);
                self.make(function, arguments)
            }
            b'o' => {
                let all = self.marked()?;
                let (&class, arguments) = all.split_first().ok_or("an object without a class")?;
                let arguments = self.value(Value::Tuple(arguments.to_vec()));
                self.make(class, arguments)
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.marked()?;
                self.push(Value::Object(module, name));
                Ok(())
            }
            // what an object is given after it is made; those that are known here need nothing
            b'b' => self.pop().map(|_| ()),
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)
            }
            other => Err(format!("an instruction {other:#04x} that is not known")),
        }
    }

    /// What a class or function makes of its arguments, for the few that are known. Nothing is called.
    fn make(&mut self, function: Id, arguments: Id) -> Step<()> {
        let (module, name) = match self.values.get(function) {
            Some(Value::Global(module, name)) => (*module, *name),
            Some(Value::Object(module, name)) => (*module, *name),
            _ => return Err("something that is no class is called".into()),
        };
        let empty = Vec::new();
        let arguments = match self.values.get(arguments) {
            Some(Value::Tuple(arguments)) => arguments,
            _ => &empty,
        };
        let value = match (module, name) {
            ("collections", "OrderedDict") if arguments.is_empty() => Value::Dict(Vec::new()),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
                // only the third names its type apart from the storage
                let own = if name.ends_with('3') { arguments.get(6).copied() } else { None };
                self.window(arguments, own)?
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                let data = *arguments.first().ok_or("a parameter without a tensor")?;
                self.stack.push(data);
                return Ok(());
            }
            _ => Value::Object(module, name),
        };
        self.push(value);
        Ok(())
    }

    fn window(&self, arguments: &[Id], own: Option<Id>) -> Step<Value<'a>> {
        let [storage, offset, shape, strides] =
            arguments.get(..4).and_then(|four| four.try_into().ok()).ok_or("a tensor without sizes")?;
        let Some(&Value::Storage { key, class }) = self.values.get(storage) else {
            return Err("a tensor without a storage".into());
        };
        let number = |id: Id| match self.values.get(id) {
            Some(&Value::Int(number)) => {
                usize::try_from(number).map_err(|_| "a negative size, offset or stride".to_string())
            }
            _ => Err("a size that is no number".to_string()),
        };
        let numbers = |id: Id| match self.values.get(id) {
            // one list of sizes can be named many times, and is copied each time
            Some(Value::Tuple(all) | Value::List(all)) if all.len() > MOST_DIMENSIONS => {
                Err(format!("a tensor of {} dimensions", all.len()))
            }
            Some(Value::Tuple(all) | Value::List(all)) => {
                all.iter().map(|&id| number(id)).collect::<Step<Vec<usize>>>()
            }
            _ => Err("sizes that are no tuple".to_string()),
        };
        let class = match own.and_then(|id| self.values.get(id)) {
            Some(Value::Global(_, name)) => name,
            _ => class,
        };
        let window = Window { key, class, offset: number(offset)?, shape: numbers(shape)?, strides: numbers(strides)? };
        Ok(Value::Tensor(Box::new(window)))
    }

    /// A storage: `("storage", class, key, place, elements)`, and in the legacy layout a view that nothing writes any more.
    fn persistent(&mut self, id: Id) -> Step<()> {
        let Some(Value::Tuple(parts)) = self.values.get(id) else { return Err("a storage that is no tuple".into()) };
        let part = |i: usize| parts.get(i).and_then(|&id| self.values.get(id));
        match (part(0), part(1), part(2), part(5)) {
            (
                Some(Value::Text("storage")),
                Some(&Value::Global(_, class) | &Value::Object(_, class)),
                Some(&Value::Text(key)),
                None | Some(Value::None),
            ) => {
                self.push(Value::Storage { key, class });
                Ok(())
            }
            _ => Err("a storage of a kind that is not known".into()),
        }
    }

    fn value(&mut self, value: Value<'a>) -> Id {
        self.values.push(value);
        self.values.len() - 1
    }

    fn push(&mut self, value: Value<'a>) {
        let id = self.value(value);
        self.stack.push(id);
    }

    fn top(&self) -> Step<Id> {
        // not below a mark
        match self.stack.last() {
            Some(&id) if self.marks.last().is_none_or(|&mark| mark < self.stack.len()) => Ok(id),
            _ => Err("nothing on the stack".into()),
        }
    }

    fn pop(&mut self) -> Step<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What has been put on the stack since the last mark.
    fn marked(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or("no mark on the stack")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn extend_list(&mut self, items: &[Id]) -> Step<()> {
        let list = self.top()?;
        match self.values.get_mut(list) {
            Some(Value::List(all)) => all.extend_from_slice(items),
            // an object of a class that is not known takes what it is given
            Some(Value::Object(..)) => {}
            _ => return Err("items for something that is no list".into()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: Vec<(Id, Id)>) -> Step<()> {
        let dict = self.top()?;
        match self.values.get_mut(dict) {
            Some(Value::Dict(all)) => all.extend(items),
            Some(Value::Object(..)) => {}
            _ => return Err("items for something that is no dictionary".into()),
        }
        Ok(())
    }

    fn remember(&mut self, key: u64) -> Step<()> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Step<()> {
        let id = *self.memo.get(&key).ok_or("something that was never remembered")?;
        self.stack.push(id);
        Ok(())
    }

    fn int(&mut self, read: impl FnOnce(&mut Self) -> Step<i64>) -> Step<()> {
        let value = read(self)?;
        self.push(Value::Int(value));
        Ok(())
    }

    /// A whole number of any length, of which eight bytes are understood.
    fn long(&mut self, len: usize) -> Step<()> {
        let bytes = self.take(len)?;
        let negative = bytes.last().is_some_and(|&last| last >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        let value = match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(wide))
            }
            None => Value::DefaultOptions,
        };
        self.push(value);
        Ok(())
    }

    fn push_text(&mut self, len: usize) -> Step<()> {
        let text = std::str::from_utf8(self.take(len)?).map_or(Value::DefaultOptions, Value::Text);
        self.push(text);
        Ok(())
    }

    fn push_bytes(&mut self, len: usize) -> Step<()> {
        self.take(len)?;
        self.push(Value::DefaultOptions);
        Ok(())
    }

    fn length<const N: usize>(&mut self) -> Step<usize> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.chunk::<N>()?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| "a length beyond all memory".into())
    }

    fn take(&mut self, len: usize) -> Step<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("the end of the file")?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Step<&'a [u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or("the end of the file")?;
        self.rest = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Step<&'a str> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or("a line without an end")?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "a line that is no text".into())
    }
}

fn pairs(items: &[Id]) -> Step<Vec<(Id, Id)>> {
    let (pairs, []) = items.as_chunks::<2>() else { return Err("a key without a value".into()) };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}
