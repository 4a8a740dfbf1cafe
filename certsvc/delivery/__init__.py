"""What leaves the house for people: messages by SMS today. Each edge is one module behind one interface."""
