"""The condition that a column has one of several texts, as one parameter: a statement is compiled once for any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, ColumnElement, Dialect, String, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine


class Texts(TypeDecorator[Sequence[str]]):
    """A parameter of several texts: an array in PostgreSQL, JSON in SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(String))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        texts = list(value or ())
        return orjson.dumps(texts).decode() if dialect.name == "sqlite" else texts


class among(FunctionElement[Any]):  # noqa: N801 (SQLAlchemy's elements are written like functions)
    """Matches rows whose `column` equals one of the texts that the parameter `named` has."""

    type: TypeEngine[Any] = NullType()  # SQLAlchemy compares a Boolean with 1 for SQLite, which uses no index then
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], named: str) -> None:
        super().__init__(column, bindparam(named, type_=Texts()))


@compiles(among)
def _compile(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(one, **options) for one in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 (SQLAlchemy's own text)
    return f"{column} = ANY ({values})"
