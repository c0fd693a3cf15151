"""`python -m hub.cli`, where the script `hub` is not on the path."""

import sys

from hub.cli.main import main

sys.exit(main())
