"""For any WSGI server: `app`, with the settings of the environment. `certsvc serve` starts the fast one."""

from certsvc.app import create_app

app = create_app()
