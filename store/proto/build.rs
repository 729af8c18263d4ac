//! Compiles the wire contract without protoc: protox parses, tonic-prost-build writes the code.
//!
//! Beside the code it writes `reflect.rs`: the same contract as tables of constants, for whoever
//! handles messages without knowing their types.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use protox::prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, ServiceDescriptor,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let files = protos(Path::new("proto"))?;
    let descriptors = protox::compile(&files, ["proto"])?;
    let pool = DescriptorPool::from_file_descriptor_set(descriptors.clone())?;
    let out: PathBuf = std::env::var_os("OUT_DIR").ok_or("cargo names OUT_DIR")?.into();
    std::fs::write(out.join("reflect.rs"), tables(&pool)?)?;
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::Codec")
        .compile_fds(descriptors)?;
    Ok(())
}

/// Every contract of the folder.
fn protos(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    Ok(files)
}

/// The name of a message's or enum's table.
fn constant(full_name: &str) -> String {
    full_name.replace('.', "_").to_uppercase()
}

fn tables(pool: &DescriptorPool) -> Outcome<String> {
    let mut out = String::new();
    for one in pool.all_enums() {
        enumeration(&mut out, &one)?;
    }
    for one in pool.all_messages() {
        message(&mut out, &one)?;
    }
    let mut rows: Vec<_> = pool.services().flat_map(|one| methods(&one)).collect();
    rows.sort();
    writeln!(out, "pub static METHODS: &[Method] = &[")?;
    for (_, row) in rows {
        writeln!(out, "{row}")?;
    }
    writeln!(out, "];")?;
    Ok(out)
}

fn enumeration(out: &mut String, one: &EnumDescriptor) -> Outcome<()> {
    write!(out, "static {}: Enum = Enum {{ values: &[", constant(one.full_name()))?;
    for value in one.values() {
        write!(out, "({:?}, {}),", value.name(), value.number())?;
    }
    writeln!(out, "] }};")?;
    Ok(())
}

fn message(out: &mut String, one: &MessageDescriptor) -> Outcome<()> {
    let (table, name) = (constant(one.full_name()), one.full_name());
    writeln!(out, "pub static {table}: Message = Message {{ name: {name:?}, fields: &[")?;
    // In the order of their declaration, which is the order of JSON.
    let mut fields: Vec<_> = one.fields().collect();
    fields.sort_by_key(|field| field.path().last().copied());
    for field in fields {
        field_of(out, &field)?;
    }
    writeln!(out, "] }};")?;
    Ok(())
}

fn field_of(out: &mut String, field: &FieldDescriptor) -> Outcome<()> {
    let kind = match field.kind() {
        Kind::Bool => "Kind::Bool".to_owned(),
        Kind::Int32 => "Kind::Int32".to_owned(),
        Kind::Int64 => "Kind::Int64".to_owned(),
        Kind::Uint32 => "Kind::Uint32".to_owned(),
        Kind::Uint64 => "Kind::Uint64".to_owned(),
        Kind::String => "Kind::String".to_owned(),
        Kind::Bytes => "Kind::Bytes".to_owned(),
        Kind::Enum(one) => format!("Kind::Enum(&{})", constant(one.full_name())),
        Kind::Message(one) => format!("Kind::Message(&{})", constant(one.full_name())),
        other => return Err(format!("{} has the kind {other:?}", field.full_name()).into()),
    };
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    let oneof = oneof.map(|oneof| oneof.full_name().to_owned());
    writeln!(
        out,
        "Field {{ number: {}, name: {:?}, json_name: {:?}, kind: {kind}, repeated: {}, \
         oneof: {oneof:?} }},",
        field.number(),
        field.name(),
        field.json_name(),
        field.is_list(),
    )?;
    Ok(())
}

/// The rows of a service's methods, each with its path.
fn methods(one: &ServiceDescriptor) -> Vec<(String, String)> {
    let row = |method: protox::prost_reflect::MethodDescriptor| {
        let (service, name) = (one.full_name(), method.name());
        let path = format!("/{service}/{name}");
        let row = format!(
            "Method {{ path: {path:?}, service: {service:?}, name: {name:?}, input: &{}, \
             output: &{}, client_streams: {}, server_streams: {} }},",
            constant(method.input().full_name()),
            constant(method.output().full_name()),
            method.is_client_streaming(),
            method.is_server_streaming(),
        );
        (path, row)
    };
    one.methods().map(row).collect()
}
