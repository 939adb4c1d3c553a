# SPDX-License-Identifier: Apache-2.0
"""Compile proto/ into ``tricord.wire.schemas``: one module and one stub per file.

Needs grpcio-tools and ruff, for development only.

``python proto/generate.py`` writes; ``python proto/generate.py --check`` exits 1 where what is committed differs.
A module holds the serialized file descriptor, so that nothing but the protobuf runtime is needed at run time; the stub
is what type checkers see.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

ROOT = Path(__file__).resolve().parent
TARGET = ROOT.parent / "src" / "tricord" / "wire" / "schemas"
PACKAGE = "tricord.wire.schemas"

SCALARS = {
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_STRING: "str",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_ENUM: "int",
    FieldDescriptorProto.TYPE_INT32: "int",
    FieldDescriptorProto.TYPE_INT64: "int",
    FieldDescriptorProto.TYPE_UINT32: "int",
    FieldDescriptorProto.TYPE_UINT64: "int",
}


def compile_all() -> list[FileDescriptorProto]:
    """Every file's descriptor, dependencies first."""
    names = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "descriptors"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", "--include_imports"]
        subprocess.run([*command, f"--descriptor_set_out={output}", *names], check=True)
        return list(FileDescriptorSet.FromString(output.read_bytes()).file)


def module_name(file_name: str) -> str:
    """``etcd/kv.proto`` is the module ``kv``."""
    return file_name.rsplit("/", 1)[-1].removesuffix(".proto")


def python_module(file: FileDescriptorProto) -> str:
    """The module that builds the file's classes in the private pool."""
    dependencies = [module_name(name) for name in file.dependency]
    imports = f"from {PACKAGE} import {', '.join(dependencies)}\n" if dependencies else ""
    arguments = "".join(f", {name}.DESCRIPTOR" for name in dependencies)
    serialized = repr(file.SerializeToString(deterministic=True))
    return (
        "# SPDX-License-Identifier: Apache-2.0\n"
        f'"""Messages of ``proto/{file.name}``. Written by proto/generate.py: do not edit."""\n\n'
        + imports
        + f"from {PACKAGE}.pool import load\n\n"
        + "# fmt: off\n"
        + f"DESCRIPTOR = load({serialized}, globals(){arguments})  # noqa: E501\n"
    )


class Stub:
    """Writes the ``.pyi`` of one file."""

    def __init__(self, file: FileDescriptorProto, owners: dict[str, str]) -> None:
        self.file = file
        self.owners = owners
        self.imports: set[str] = {"from google.protobuf.descriptor import FileDescriptor"}

    def text(self) -> str:
        """The whole stub."""
        body = [self.enum(enum) for enum in self.file.enum_type]
        body += [self.message(message, f".{self.file.package}.{message.name}") for message in self.file.message_type]
        imports = "\n".join(sorted(self.imports, key=lambda line: (line.startswith("from"), line)))
        return (
            "# SPDX-License-Identifier: Apache-2.0\n"
            f'"""Types of ``proto/{self.file.name}``. Written by proto/generate.py: do not edit."""\n\n'
            f"{imports}\n\nDESCRIPTOR: FileDescriptor\n\n" + "\n".join(body)
        )

    def enum(self, enum: EnumDescriptorProto) -> str:
        """An enum's wrapper and its values as constants."""
        self.imports.add("from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper")
        return f"{enum.name}: EnumTypeWrapper\n" + "".join(f"{value.name}: int\n" for value in enum.value)

    def reference(self, type_name: str) -> str:
        """How this stub names another message."""
        owner = self.owners[type_name]
        name = type_name.rsplit(".", 1)[-1]
        if owner != self.file.name:
            self.imports.add(f"from {PACKAGE}.{module_name(owner)} import {name}")
        return name

    def field(self, field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> tuple[str, str, bool]:
        """(type of the attribute, type of the constructor's argument, whether it can be assigned)."""
        repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
        if field.type == FieldDescriptorProto.TYPE_MESSAGE and field.type_name in maps:
            key, value = maps[field.type_name].field
            name = self.reference(value.type_name)
            self.imports.add("from google.protobuf.internal.containers import MessageMap")
            self.imports.add("from collections.abc import Mapping")
            return f"MessageMap[{SCALARS[key.type]}, {name}]", f"Mapping[{SCALARS[key.type]}, {name}] | None", False
        if field.type == FieldDescriptorProto.TYPE_MESSAGE:
            name, container = self.reference(field.type_name), "RepeatedCompositeFieldContainer"
        else:
            name, container = SCALARS[field.type], "RepeatedScalarFieldContainer"
        if repeated:
            self.imports.add(f"from google.protobuf.internal.containers import {container}")
            self.imports.add("from collections.abc import Iterable")
            return f"{container}[{name}]", f"Iterable[{name}] | None", False
        if field.type == FieldDescriptorProto.TYPE_MESSAGE:
            return name, f"{name} | None", False
        return name, name, True

    def message(self, message: DescriptorProto, full_name: str) -> str:
        """One message class."""
        self.imports.add("from google.protobuf.message import Message")
        maps = {f"{full_name}.{nested.name}": nested for nested in message.nested_type}
        lines = [self.enum(enum) for enum in message.enum_type]
        arguments = []
        for field in message.field:
            attribute, argument, assignable = self.field(field, maps)
            if assignable:
                lines.append(f"{field.name}: {attribute}\n")
            else:
                lines.append(f"@property\ndef {field.name}(self) -> {attribute}: ...\n")
            arguments.append(f"    {field.name}: {argument} = ...,\n")
        if arguments:
            lines.append("def __init__(\n    self,\n    *,\n" + "".join(arguments) + ") -> None: ...\n")
        body = "".join(lines) if lines else "...\n"
        return f"class {message.name}(Message):\n" + textwrap.indent(body, "    ")


def formatted(texts: dict[str, str]) -> dict[Path, str]:
    """The texts in the project's format."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in texts.items():
            (Path(scratch) / name).write_text(text)
        configuration = ["--config", str(ROOT.parent / "pyproject.toml"), "--no-cache", "--quiet", scratch]
        ruff = [sys.executable, "-m", "ruff"]
        first_party = ["--config", 'lint.isort.known-first-party = ["tricord"]']
        subprocess.run([*ruff, "check", "--fix", "--select", "I", *first_party, *configuration], check=True)
        subprocess.run([*ruff, "format", *configuration], check=True)
        return {TARGET / name: (Path(scratch) / name).read_text() for name in texts}


def outputs() -> dict[Path, str]:
    """What every generated file must hold."""
    files = compile_all()
    owners = {f".{file.package}.{message.name}": file.name for file in files for message in file.message_type}
    texts: dict[str, str] = {}
    for file in files:
        texts[f"{module_name(file.name)}.py"] = python_module(file)
        texts[f"{module_name(file.name)}.pyi"] = Stub(file, owners).text()
    return formatted(texts)


def main() -> int:
    """Write, or compare."""
    texts = outputs()
    if "--check" in sys.argv[1:]:
        stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            print(f"{path.name} is not what proto/ says: run `make proto`", file=sys.stderr)
        return 1 if stale else 0
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
