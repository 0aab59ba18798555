// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { HomeState } from "./HomeState";

export type HomeView = { state: HomeState, practice: boolean, name: string | null, version: string, };
