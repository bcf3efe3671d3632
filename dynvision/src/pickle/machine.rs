//! The machine of [pickles](https://github.com/python/cpython/blob/main/Lib/pickletools.py), without the one thing that makes
//! it dangerous: it calls nothing.
//!
//! Every value has a number, and containers hold numbers: what a program repeats or nests in itself takes no more memory
//! than its instructions.

use std::collections::HashMap;

pub(crate) type Id = usize;

/// What an instruction makes.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// Bytes, or a text of Python 2 that is no UTF-8.
    Bytes(&'a [u8]),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its module and name.
    Global(&'a str, &'a str),
    /// What a class or function would have made of a tuple of arguments, and the state that it would have been given.
    Call {
        function: Id,
        arguments: Id,
        state: Option<Id>,
    },
    /// Something that lies outside of the pickle, by what names it.
    Persistent(Id),
    /// A number that nothing here needs.
    Plain,
}

/// A parsed pickle.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    /// What the program leaves.
    pub(crate) top: Id,
}

impl<'a> Pickle<'a> {
    /// Parses one pickle, and gives what stands behind it.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), String> {
        let mut machine =
            Machine { rest: bytes, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        let top = machine
            .run()
            .map_err(|what| format!("{what} at byte {} of its pickle", bytes.len() - machine.rest.len()))?;
        Ok((Pickle { values: machine.values, top }, machine.rest))
    }

    pub(crate) fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id).unwrap_or(&Value::None)
    }

    pub(crate) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// Bytes, or those of a text.
    pub(crate) fn bytes(&self, id: Id) -> Option<&'a [u8]> {
        match self.get(id) {
            Value::Bytes(bytes) => Some(bytes),
            Value::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// The value of a key of a dictionary.
    pub(crate) fn entry(&self, dict: Id, key: &str) -> Option<Id> {
        self.dict(dict)?.iter().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| *value)
    }

    /// All values, in the order in which they were made.
    pub(crate) fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// The class or function that would have made a value.
    pub(crate) fn maker(&self, id: Id) -> Option<(&'a str, &'a str)> {
        // the result of a call can itself be called; its function was there before it, so this ends
        let mut id = id;
        loop {
            match self.get(id) {
                Value::Call { function, .. } if *function < id => id = *function,
                Value::Global(module, name) => return Some((module, name)),
                _ => return None,
            }
        }
    }

    /// A value in words.
    pub(crate) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Value::None => "None".into(),
            Value::Bool(_) | Value::Bytes(_) | Value::Plain => "a plain value".into(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
            Value::Tuple(_) => "a tuple".into(),
            Value::List(_) => "a list".into(),
            Value::Dict(_) => "a dictionary".into(),
            Value::Global(..) | Value::Call { .. } => match self.maker(id) {
                Some((module, name)) => format!("an object of `{module}.{name}`"),
                None => "an object".into(),
            },
            Value::Persistent(_) => "a storage".into(),
        }
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
                    _ => line.trim_end_matches('L').parse().map_or(Value::Plain, Value::Int),
                };
                self.push(value);
                Ok(())
            }
            b'F' | b'S' => self.line().map(|_| self.push(Value::Plain)),
            b'G' => self.chunk::<8>().map(|_| self.push(Value::Plain)),
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
                let arguments = self.marked()?;
                let (class, arguments) = (self.value(Value::Global(module, name)), self.value(Value::Tuple(arguments)));
                self.make(class, arguments)
            }
            // what an object is given after it is made
            b'b' => {
                let state = self.pop()?;
                let top = self.top()?;
                if let Some(Value::Call { state: place, .. }) = self.values.get_mut(top) {
                    *place = Some(state);
                }
                Ok(())
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id));
                Ok(())
            }
            other => Err(format!("an instruction {other:#04x} that is not known")),
        }
    }

    /// What would be made by a call. Nothing is called.
    fn make(&mut self, function: Id, arguments: Id) -> Step<()> {
        let value = match (self.values.get(function), self.values.get(arguments)) {
            (Some(Value::Global("collections", "OrderedDict")), Some(Value::Tuple(items))) if items.is_empty() => {
                Value::Dict(Vec::new())
            }
            (Some(Value::Global(..) | Value::Call { .. }), _) => Value::Call { function, arguments, state: None },
            _ => return Err("something that is no class is called".into()),
        };
        self.push(value);
        Ok(())
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
            Some(Value::Call { .. }) => {}
            _ => return Err("items for something that is no list".into()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: Vec<(Id, Id)>) -> Step<()> {
        let dict = self.top()?;
        match self.values.get_mut(dict) {
            Some(Value::Dict(all)) => all.extend(items),
            Some(Value::Call { .. }) => {}
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
            None => Value::Plain,
        };
        self.push(value);
        Ok(())
    }

    fn push_text(&mut self, len: usize) -> Step<()> {
        let bytes = self.take(len)?;
        self.push(std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text));
        Ok(())
    }

    fn push_bytes(&mut self, len: usize) -> Step<()> {
        let bytes = self.take(len)?;
        self.push(Value::Bytes(bytes));
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
