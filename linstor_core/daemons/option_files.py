"""Reads configuration files. The only module with oslo.config, which is imported when there is a file to read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from linstor_core.daemons.options import Key, Row
from linstor_core.domain.errors import Code, InvalidInput

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts
    from oslo_config.types import ConfigType

Sections = dict[str, dict[str, list[str]]]


class BadSettings(InvalidInput):
    """A configuration file that can't be read, or says what no daemon understands (230)."""

    def __init__(self, message: str, cause: str, correction: str) -> None:
        super().__init__(message, Code.INVLD_CONF, cause=cause, correction=correction)


def files_of(files: Sequence[Path], folders: Sequence[Path], default: Path) -> tuple[Path, ...]:
    """The files to read, later ones winning: those named, or the default where it is there, then the folders' *.conf.

    Raises BadSettings for a folder that is none.
    """
    chosen = list(files) or ([default] if _exists(default) else [])
    for folder in folders:
        if not folder.is_dir():
            raise BadSettings(f"The configuration folder {folder} can't be read.", "It is not there, or no folder.",
                              "Name a folder with files that end in .conf.")
        chosen += sorted(folder.glob("*.conf"))
    return tuple(chosen)


def _exists(path: Path) -> bool:
    """A file that may not be looked at counts: it is better to fail than to run with other settings than meant."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def read(files: Sequence[Path], rows: Sequence[Row], elsewhere: dict[Key, str]) -> dict[Key, Any]:
    """What the files say, by section and option. Nothing is imported where there are none.

    `elsewhere` tells of options that LINSTOR has and these daemons do not, what to write instead. Raises BadSettings.
    """
    if not files:
        return {}
    from oslo_config import cfg

    written = {file: _parsed(file) for file in files}
    for file, sections in written.items():
        _check_names(file, sections, rows, elsewhere)
        _check_secrets(file, sections, rows)
    options = cfg.ConfigOpts()
    for row in rows:
        options.register_opt(cfg.Opt(row.name, type=cast("ConfigType", row.option.read)), group=row.section)
    arguments = [word for file in files for word in ("--config-file", str(file))]
    options(args=arguments, project="linstor", default_config_files=[], default_config_dirs=[], use_env=False)
    present = {(section, name) for sections in written.values() for section, names in sections.items()
               for name in names}
    return {row.key: _value(options, row, written) for row in rows if row.key in present}


def _parsed(file: Path) -> Sections:
    from oslo_config import cfg

    try:
        sections: Sections = {}
        cfg.ConfigParser(str(file), sections).parse()
    except cfg.ParseError as fault:
        raise BadSettings(f"The configuration file {file} can't be understood.",
                          f"Line {fault.lineno}: {fault.msg} ('{_safe(fault.line)}').",
                          "Write '[section]' and 'option = value', each at the start of a line.") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise BadSettings(f"The configuration file {file} can't be read.", str(fault),
                          "Make it readable, or leave it out.") from None
    return sections


def _safe(line: str) -> str:
    """The part of a line that can hold no secret."""
    return line.strip().partition("=")[0].strip()[:60]


def _check_names(file: Path, sections: Sections, rows: Sequence[Row], elsewhere: dict[Key, str]) -> None:
    known = {row.key for row in rows}
    sections_known = tuple(dict.fromkeys(row.section for row in rows))
    for section, names in sections.items():
        if not names and section not in sections_known and (section, "*") not in elsewhere:
            raise BadSettings(f"{file}: the section [{section}] is unknown.",
                              f"The sections are {', '.join(sections_known)}.", "Mend its name, or remove it.")
        for name in names:
            if (section, name) in known:
                continue
            instead = elsewhere.get((section, name)) or elsewhere.get((section, "*"))
            options = [row.name for row in rows if row.section == section]
            raise BadSettings(
                f"{file}: the option '{name}' in the section [{section}] is unknown.",
                instead or (f"[{section}] has {', '.join(options)}." if options
                            else f"The sections are {', '.join(sections_known)}."),
                "Mend its name, or remove it; --sample-config shows every option.")


def _check_secrets(file: Path, sections: Sections, rows: Iterable[Row]) -> None:
    for row in rows:
        if not row.option.secret or row.name not in sections.get(row.section, {}):
            continue
        if stat.S_IMODE(os.stat(file).st_mode) & stat.S_IROTH:
            raise BadSettings(f"{file}: everybody may read the option '{row.name}' in the section [{row.section}].",
                              "The file's permissions let others read it, and this option is a secret.",
                              f"chmod o= {file}")
        if "$" in "".join(sections[row.section][row.name]).replace("$$", ""):
            raise BadSettings(f"{file}: the option '{row.name}' in the section [{row.section}] has a single $.",
                              "A $ refers to another option.", "Write $$ for each $.")


def _value(options: ConfigOpts, row: Row, written: dict[Path, Sections]) -> Any:
    from oslo_config import cfg

    try:
        return options[row.section][row.name]
    except (ValueError, cfg.Error) as fault:
        file = [file for file, sections in written.items() if row.name in sections.get(row.section, {})][-1]
        reason = str(fault.__cause__ or fault.__context__ or fault)
        raise BadSettings(
            f"{file}: the option '{row.name}' in the section [{row.section}] has a value that does not fit.",
            "The value is a secret and not shown." if row.option.secret else f"{reason}.",
            row.option.meaning + (f" Unit: {row.option.unit}." if row.option.unit else "")) from None
