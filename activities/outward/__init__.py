"""The ways out of here: mail, signed webhooks, chat robots and SMS gateways.

Nothing here needs an activity: the watchdog sends its alarms by the same channels.
"""

import logging

# These log addresses, tokens and answers. What is worth saying is in the ChannelError.
for _library in ("apprise", "httpcore", "httpx", "urllib3"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)
