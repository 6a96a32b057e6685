"""`linstor-cloudstack`: exit status 0 done, 1 not done, 2 wrong arguments, 3 the report has findings."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from linstor_cloudstack import settings
from linstor_cloudstack.arguments import parser
from linstor_cloudstack.commands import FAILED, Commands
from linstor_cloudstack.errors import OperatorError
from linstor_core.client.errors import ClientError


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return Commands(settings.read(options.config), options, sys.stdout, sys.stderr).run()
    except (OperatorError, ClientError) as error:
        sys.stderr.write(f"linstor-cloudstack: {error}\n")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
