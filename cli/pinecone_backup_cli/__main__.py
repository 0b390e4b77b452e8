"""``python -m pinecone_backup_cli``."""

import sys

from pinecone_backup_cli.app import main

sys.exit(main())
