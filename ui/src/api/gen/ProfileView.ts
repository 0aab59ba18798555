// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { Profile } from "./Profile";

export type ProfileView = { profile: Profile | null, };
