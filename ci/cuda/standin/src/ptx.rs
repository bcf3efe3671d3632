//! Reads PTX: a module's functions as statements, with names unresolved.

use std::collections::HashMap;

/// What a PTX file declares.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) functions: HashMap<String, Function>,
    pub(crate) variables: Vec<Variable>,
}

/// A kernel (`.entry`) or function (`.func`).
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) is_entry: bool,
    pub(crate) returns: Vec<Variable>,
    pub(crate) params: Vec<Variable>,
    /// `None`: declared here, defined elsewhere.
    pub(crate) body: Option<Vec<Statement>>,
    /// `.maxntid`, where it is given.
    pub(crate) max_threads: Option<u32>,
}

/// A variable in memory.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) space: Space,
    pub(crate) align: usize,
    pub(crate) bytes: usize,
    /// Size not stated: `name[]`.
    pub(crate) is_open: bool,
    pub(crate) initial: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Param,
    Local,
    Shared,
    Global,
}

#[derive(Debug)]
pub(crate) enum Statement {
    Open,
    Close,
    Label(String),
    /// The type, and the names, or name and number for `%r<9>`.
    Registers {
        ty: String,
        names: Vec<(String, Option<usize>)>,
    },
    Variable(Variable),
    Instruction(Instruction),
}

#[derive(Debug)]
pub(crate) struct Instruction {
    /// The predicate, and whether it is negated.
    pub(crate) guard: Option<(String, bool)>,
    /// The opcode's parts, as they are separated by dots.
    pub(crate) opcode: Vec<String>,
    pub(crate) operands: Vec<Operand>,
    pub(crate) line: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// A register, variable, function or label, negated by `!` or not.
    Name(String, bool),
    Number(Number),
    /// `[base + offset]`.
    Address(Box<Operand>, i64),
    /// `{a, b}` or `(a, b)`.
    Many(Vec<Operand>),
    /// `a|b`.
    Pair(Box<Operand>, Box<Operand>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i128),
    F32(u32),
    F64(u64),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Mark(char),
}

/// Bytes of a fundamental type.
pub(crate) fn type_bytes(ty: &str) -> Option<usize> {
    Some(match ty {
        "u8" | "s8" | "b8" => 1,
        "u16" | "s16" | "b16" | "f16" => 2,
        "u32" | "s32" | "b32" | "f32" | "f16x2" => 4,
        "u64" | "s64" | "b64" | "f64" => 8,
        "b128" => 16,
        _ => return None,
    })
}

fn number(word: &str) -> Option<Number> {
    if let Some(hex) = word.strip_prefix("0f").or_else(|| word.strip_prefix("0F")) {
        return Some(Number::F32(u32::from_str_radix(hex, 16).ok()?));
    }
    if let Some(hex) = word.strip_prefix("0d").or_else(|| word.strip_prefix("0D")) {
        return Some(Number::F64(u64::from_str_radix(hex, 16).ok()?));
    }
    let word = word.strip_suffix('U').unwrap_or(word);
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return Some(Number::Integer(i128::from_str_radix(hex, 16).ok()?));
    }
    if word.contains('.') {
        return Some(Number::F64(word.parse::<f64>().ok()?.to_bits()));
    }
    Some(Number::Integer(word.parse().ok()?))
}

struct Reader {
    tokens: Vec<(Token, u32)>,
    at: usize,
}

fn tokens(text: &str) -> Result<Vec<(Token, u32)>, String> {
    let (mut found, mut line) = (Vec::new(), 1);
    let bytes = text.as_bytes();
    let mut i = 0;
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b'%');
    while i < bytes.len() {
        let b = bytes[i];
        if b == b'\n' {
            line += 1;
            i += 1;
        } else if b.is_ascii_whitespace() || b == 0 {
            i += 1;
        } else if text[i..].starts_with("//") {
            i += text[i..].find('\n').unwrap_or(text.len() - i);
        } else if text[i..].starts_with("/*") {
            let end = text[i..].find("*/").ok_or("a comment does not end")?;
            line += text[i..i + end].matches('\n').count() as u32;
            i += end + 2;
        } else if b == b'"' {
            let end = text[i + 1..].find('"').ok_or("a string does not end")?;
            found.push((Token::Word(text[i..i + end + 2].to_string()), line));
            i += end + 2;
        } else if is_word(b) {
            let end = bytes[i..].iter().position(|&b| !is_word(b)).map_or(bytes.len(), |n| i + n);
            found.push((Token::Word(text[i..end].to_string()), line));
            i = end;
        } else if b.is_ascii() {
            found.push((Token::Mark(char::from(b)), line));
            i += 1;
        } else {
            return Err(format!("line {line}: a character that is not ASCII"));
        }
    }
    Ok(found)
}

impl Reader {
    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.1)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.0)
    }

    fn is(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn accept(&mut self, mark: char) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        if self.accept(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        format!("line {}: {wanted} is expected, not {:?}", self.line(), self.peek())
    }

    fn word(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected("a word")),
        }
    }

    fn integer(&mut self) -> Result<i128, String> {
        let negative = self.accept('-');
        let line = self.line();
        match number(&self.word()?) {
            Some(Number::Integer(n)) => Ok(if negative { -n } else { n }),
            _ => Err(format!("line {line}: an integer is expected")),
        }
    }

    fn size(&mut self) -> Result<usize, String> {
        let line = self.line();
        usize::try_from(self.integer()?).map_err(|_| format!("line {line}: a size is expected"))
    }

    /// What follows `.global`, `.param` and their like: `.align 8 .b8 name[40] = {..}`.
    fn variable(&mut self, space: Space) -> Result<Variable, String> {
        let (mut align, mut element) = (None, None);
        let name = loop {
            let line = self.line();
            let word = self.word()?;
            match word.strip_prefix('.') {
                Some("align") => align = Some(self.size()?),
                // what a kernel says of a pointer that it is given
                Some("ptr" | "global" | "const" | "shared") => {}
                Some(ty) => {
                    element = Some(type_bytes(ty).ok_or_else(|| format!("line {line}: no type is named {word}"))?);
                }
                None => break word,
            }
        };
        let element = element.ok_or_else(|| format!("line {}: `{name}` has no type", self.line()))?;
        let (mut count, mut is_open) = (1usize, false);
        while self.accept('[') {
            if self.is(']') {
                is_open = true;
            } else {
                count = count.checked_mul(self.size()?).ok_or_else(|| format!("`{name}` is too large"))?;
            }
            self.expect(']')?;
        }
        let bytes = count.checked_mul(element).ok_or_else(|| format!("`{name}` is too large"))?;
        let mut initial = Vec::new();
        if self.accept('=') {
            let is_list = self.accept('{');
            loop {
                let line = self.line();
                let negative = self.accept('-');
                let value = match number(&self.word()?) {
                    Some(Number::Integer(n)) => {
                        if negative {
                            -n
                        } else {
                            n
                        }
                    }
                    Some(Number::F32(n)) => i128::from(n),
                    Some(Number::F64(n)) => i128::from(n),
                    None => return Err(format!("line {line}: `{name}` begins with what is no number")),
                };
                initial.extend_from_slice(&value.to_le_bytes()[..element.min(16)]);
                if !(is_list && self.accept(',')) {
                    break;
                }
            }
            if is_list {
                self.expect('}')?;
            }
            if initial.len() > bytes {
                return Err(format!("`{name}` has {bytes} bytes and is given {}", initial.len()));
            }
        }
        Ok(Variable {
            name,
            space,
            align: align.unwrap_or(element),
            bytes: if is_open { 0 } else { bytes },
            is_open,
            initial,
        })
    }

    fn params(&mut self) -> Result<Vec<Variable>, String> {
        let mut params = Vec::new();
        if self.accept('(') && !self.accept(')') {
            loop {
                let word = self.word()?;
                let space = match word.as_str() {
                    ".param" => Space::Param,
                    _ => return Err(format!("line {}: parameters in `{word}` are not supported", self.line())),
                };
                params.push(self.variable(space)?);
                if !self.accept(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        Ok(params)
    }

    fn function(&mut self, is_entry: bool) -> Result<Function, String> {
        let returns = if !is_entry && self.is('(') { self.params()? } else { Vec::new() };
        let name = self.word()?;
        let params = self.params()?;
        let mut max_threads = None;
        loop {
            if self.accept(';') {
                return Ok(Function { name, is_entry, returns, params, body: None, max_threads });
            }
            if self.accept('{') {
                break;
            }
            let word = self.word()?;
            match word.as_str() {
                ".maxntid" => {
                    let mut product = 1u32;
                    loop {
                        product = product.saturating_mul(u32::try_from(self.size()?).unwrap_or(u32::MAX));
                        if !self.accept(',') {
                            break;
                        }
                    }
                    max_threads = Some(product);
                }
                ".minnctapersm" | ".maxnreg" => drop(self.size()?),
                ".noreturn" => {}
                _ => return Err(format!("line {}: `{word}` behind `{name}` is not supported", self.line())),
            }
        }
        let (mut body, mut depth) = (Vec::new(), 0);
        loop {
            if self.accept('{') {
                depth += 1;
                body.push(Statement::Open);
            } else if self.accept('}') {
                if depth == 0 {
                    break;
                }
                depth -= 1;
                body.push(Statement::Close);
            } else if !self.accept(';') {
                body.push(self.statement()?);
            }
        }
        Ok(Function { name, is_entry, returns, params, body: Some(body), max_threads })
    }

    fn statement(&mut self) -> Result<Statement, String> {
        let line = self.line();
        let mut guard = None;
        if self.accept('@') {
            let negated = self.accept('!');
            guard = Some((self.word()?, negated));
        }
        let word = self.word()?;
        if guard.is_none() && self.accept(':') {
            return Ok(Statement::Label(word));
        }
        if let Some(directive) = word.strip_prefix('.') {
            // `.reg.b32` is `.reg .b32`
            let (directive, ty) = directive.split_once('.').map_or((directive, None), |(d, ty)| (d, Some(ty)));
            let statement = match directive {
                "reg" => {
                    let ty = match ty {
                        Some(ty) => ty.to_string(),
                        None => self.word()?.trim_start_matches('.').to_string(),
                    };
                    let mut names = Vec::new();
                    loop {
                        let name = self.word()?;
                        let count = if self.accept('<') {
                            let count = self.size()?;
                            self.expect('>')?;
                            Some(count)
                        } else {
                            None
                        };
                        names.push((name, count));
                        if !self.accept(',') {
                            break;
                        }
                    }
                    Statement::Registers { ty, names }
                }
                "local" => Statement::Variable(self.variable(Space::Local)?),
                "shared" => Statement::Variable(self.variable(Space::Shared)?),
                "param" => Statement::Variable(self.variable(Space::Param)?),
                "global" | "const" => Statement::Variable(self.variable(Space::Global)?),
                "pragma" => {
                    self.word()?;
                    Statement::Label(String::new())
                }
                _ => return Err(format!("line {line}: `{word}` is not supported")),
            };
            self.expect(';')?;
            return Ok(statement);
        }
        let opcode = word.split('.').map(str::to_string).collect();
        let mut operands = Vec::new();
        if !self.is(';') {
            loop {
                operands.push(self.operand()?);
                if !self.accept(',') {
                    break;
                }
            }
        }
        self.expect(';')?;
        Ok(Statement::Instruction(Instruction { guard, opcode, operands, line }))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        for (open, close) in [('{', '}'), ('(', ')')] {
            if self.accept(open) {
                let mut many = Vec::new();
                if !self.is(close) {
                    loop {
                        many.push(self.operand()?);
                        if !self.accept(',') {
                            break;
                        }
                    }
                }
                self.expect(close)?;
                return Ok(Operand::Many(many));
            }
        }
        if self.accept('[') {
            let base = self.operand()?;
            let mut offset = 0;
            loop {
                if self.accept('+') || self.is('-') {
                    offset += self.integer()?;
                } else {
                    break;
                }
            }
            self.expect(']')?;
            let offset = i64::try_from(offset).map_err(|_| format!("line {}: an offset is too large", self.line()))?;
            return Ok(Operand::Address(Box::new(base), offset));
        }
        let negated = self.accept('!');
        let negative = self.accept('-');
        let word = self.word()?;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let number = number(&word).ok_or_else(|| format!("line {}: `{word}` is no number", self.line()))?;
            return Ok(Operand::Number(match number {
                Number::Integer(n) if negative => Number::Integer(-n),
                Number::F32(n) if negative => Number::F32(n ^ 1 << 31),
                Number::F64(n) if negative => Number::F64(n ^ 1 << 63),
                n => n,
            }));
        }
        if word == "WARP_SZ" {
            return Ok(Operand::Number(Number::Integer(32)));
        }
        let name = Operand::Name(word, negated);
        if self.accept('|') {
            return Ok(Operand::Pair(Box::new(name), Box::new(self.operand()?)));
        }
        Ok(name)
    }
}

/// Reads a module.
pub(crate) fn read(text: &str) -> Result<Module, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0 };
    let mut module = Module::default();
    while reader.peek().is_some() {
        let line = reader.line();
        let word = reader.word()?;
        match word.as_str() {
            ".version" | ".address_size" => drop(reader.word()?),
            ".target" => {
                reader.word()?;
                while reader.accept(',') {
                    reader.word()?;
                }
            }
            ".visible" | ".extern" | ".weak" | ".common" => {}
            ".entry" | ".func" => {
                let function = reader.function(word == ".entry")?;
                let defined = module.functions.get(&function.name).is_some_and(|f| f.body.is_some());
                if !defined {
                    module.functions.insert(function.name.clone(), function);
                }
            }
            ".global" | ".const" | ".shared" => {
                let space = if word == ".shared" { Space::Shared } else { Space::Global };
                let variable = reader.variable(space)?;
                reader.expect(';')?;
                module.variables.push(variable);
            }
            ".pragma" => {
                reader.word()?;
                reader.expect(';')?;
            }
            ".file" => {
                reader.word()?;
                reader.word()?;
                while reader.accept(',') {
                    reader.word()?;
                }
            }
            _ => return Err(format!("line {line}: `{word}` is not supported")),
        }
    }
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_read() {
        let text = r#"
.version 9.0
.target sm_90
.address_size 64
.global .align 4 .b8 table[8] = {1, 2, 3};
.extern .shared .align 16 .b8 pool[];
// a comment
.visible .entry k(
	.param .u64 k_param_0, .param .align 8 .b8 k_param_1[24]
)
.maxntid 32, 2, 1
{
	.reg .pred 	%p<3>;
	.local .align 8 .b8 	__local_depot0[40];
$L__BB0_2:
	@!%p1 bra 	$L__BB0_2;
	{ .reg.b32 t;
	mov.b64 	{%r1, t}, %rd1; }
	ld.global.v2.f64 	{%fd1, %fd2}, [%rd1+-16];
	fma.rn.f32 %f1, %f2, 0f3F800000, -1;
	ret;
}"#;
        let module = read(text).expect("it is PTX");
        assert_eq!((module.variables.len(), module.variables[0].initial.len()), (2, 3));
        assert!(module.variables[1].is_open);
        let k = &module.functions["k"];
        assert_eq!((k.params.len(), k.params[1].bytes, k.max_threads), (2, 24, Some(64)));
        let body = k.body.as_ref().expect("it is defined");
        assert_eq!(body.len(), 11);
        let Statement::Instruction(load) = &body[8] else { panic!("{body:?}") };
        assert_eq!(load.operands[1], Operand::Address(Box::new(Operand::Name("%rd1".into(), false)), -16));
        let Statement::Instruction(fma) = &body[9] else { panic!("{body:?}") };
        assert_eq!(fma.operands[2], Operand::Number(Number::F32(1f32.to_bits())));
        assert_eq!(fma.operands[3], Operand::Number(Number::Integer(-1)));
        assert!(read("nonsense").is_err() && read(".visible .entry k( {").is_err());
    }
}
